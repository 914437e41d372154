using Google.Protobuf;
using Lookup.Core.Decisions;
using Lookup.Server.Mapping;

namespace Lookup.Server.Lists;

/// <summary>The whole decisions of a chunk of single checks, in the order of the worker's distinct answers.</summary>
internal sealed class ChunkDecisions
{
    // Numbers with facts rarely share a decision with one far before them.
    private const int Compared = 8;

    private readonly List<Decision> _decisions = [];
    private int[] _written = [];

    internal void Clear() => _decisions.Clear();

    internal void Add(in Decision decision) => _decisions.Add(decision);

    /// <summary>Returns the index of an equal decision among the last ones, or -1.</summary>
    internal int Find(in Decision decision)
    {
        for (var i = _decisions.Count - 1; i >= Math.Max(0, _decisions.Count - Compared); i--)
        {
            if (IsSame(_decisions[i], decision))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Writes the decisions that numbers have, each as Check writes it.</summary>
    internal void Write(V1.CheckStreamResponse response, ReadOnlySpan<int> answers, in AnswerContext context, bool allReasons)
    {
        Array.Resize(ref _written, Math.Max(_written.Length, _decisions.Count));
        Array.Fill(_written, -1);
        UnsafeCollectionOperations.SetCount(response.DecisionIndexes, answers.Length);
        var indexes = UnsafeCollectionOperations.AsSpan(response.DecisionIndexes);
        for (var i = 0; i < answers.Length; i++)
        {
            ref var index = ref _written[answers[i]];
            if (index < 0)
            {
                index = response.Decisions.Count;
                response.Decisions.Add(DecisionMapping.Map(_decisions[answers[i]], context, allReasons));
            }

            indexes[i] = (uint)index;
        }
    }

    private static bool IsSame(in Decision one, in Decision other)
    {
        if (one.Verdict != other.Verdict || one.Rules != other.Rules || one.ValidUntil != other.ValidUntil
            || one.NextPermitted != other.NextPermitted || one.ReasonCount != other.ReasonCount)
        {
            return false;
        }

        for (var i = 0; i < one.ReasonCount; i++)
        {
            if (one.ReasonAt(i) != other.ReasonAt(i))
            {
                return false;
            }
        }

        return true;
    }
}
