namespace Lookup.Core.Regimes;

/// <summary>The regime files are invalid. The message lists every fault, one per line: file, place, fault.</summary>
public sealed class RegimeException(IReadOnlyList<string> faults)
    : Exception($"{faults.Count} fault(s) in the regime files:\n  " + string.Join("\n  ", faults))
{
    /// <summary>The faults.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;
}
