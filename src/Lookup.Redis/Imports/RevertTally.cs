using System.Text.Json;
using Lookup.Core;
using Lookup.Core.Facts;

namespace Lookup.Redis.Imports;

/// <summary>Counts the changes of a revert.</summary>
internal sealed class RevertTally
{
    private const string Block = "block";

    private readonly Dictionary<string, long> _gone;
    private readonly Dictionary<string, long> _mayPermit;
    private long _setBack;
    private long _passed;
    private long _keptStrict;

    internal RevertTally(RevertCounts before)
    {
        _gone = new Dictionary<string, long>(before.Gone);
        _mayPermit = new Dictionary<string, long>(before.MayPermit);
        (_setBack, _passed, _keptStrict) = (before.SetBack, before.Passed, before.KeptStrict);
    }

    internal RevertCounts Counts => new()
    {
        Gone = new SortedDictionary<string, long>(_gone),
        MayPermit = new SortedDictionary<string, long>(_mayPermit),
        SetBack = _setBack,
        Passed = _passed,
        KeptStrict = _keptStrict,
    };

    /// <summary>Counts blocks that lose what the import recorded.</summary>
    internal void AddBlocks(int count)
    {
        if (count > 0)
        {
            _gone[Block] = _gone.GetValueOrDefault(Block) + count;
            _mayPermit[Block] = _mayPermit.GetValueOrDefault(Block) + count;
        }
    }

    internal void Add(FactKind kind, TimelineRevert revert)
    {
        var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());
        foreach (var (step, mayPermit) in revert.Steps)
        {
            if (step == RevertStep.Gone)
            {
                _gone[name] = _gone.GetValueOrDefault(name) + 1;
            }

            if (mayPermit)
            {
                _mayPermit[name] = _mayPermit.GetValueOrDefault(name) + 1;
            }

            _setBack += step == RevertStep.SetBack ? 1 : 0;
            _passed += step == RevertStep.Passed ? 1 : 0;
            _keptStrict += step == RevertStep.KeptStrict ? 1 : 0;
        }
    }
}
