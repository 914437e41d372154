using Lookup.V1;

namespace Lookup.Client.Sharing;

/// <summary>A check in a shared call. Its task returns the answer; null: the check must be sent alone.</summary>
/// <param name="number">The number as the caller gave it, in E.164.</param>
/// <param name="value">The same as an integer.</param>
/// <param name="due">When it fails without an answer, in <see cref="Environment.TickCount64"/>.</param>
internal sealed class SharedCheck(string number, ulong value, long due)
    : TaskCompletionSource<CheckResponse?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public string Number => number;

    public ulong Value => value;

    public long Due => due;
}
