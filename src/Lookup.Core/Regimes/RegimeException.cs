namespace Lookup.Core.Regimes;

/// <summary>The regime files cannot be used. The message lists every fault, one a line: file, place, what is wrong.</summary>
public sealed class RegimeException(IReadOnlyList<string> faults)
    : Exception($"{faults.Count} fault(s) in the regime files:\n  " + string.Join("\n  ", faults))
{
    /// <summary>The faults.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
