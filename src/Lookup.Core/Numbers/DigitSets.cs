// For: compiling the patterns of numbering plans to a table that is walked digit by digit.
//
// A plan is a finite set of digit strings. Each set is a node: whether it contains the empty string, and for each first digit the set of
// the remainders. Each distinct content has one node, so equal sets are the same node, and the nodes of a set form its minimal automaton
// without a further step. Union, intersection and difference walk two nodes in parallel and remember each pair of nodes.
//
// Reference: Daciuk, Mihov, Watson, Watson, "Incremental Construction of Minimal Acyclic Finite-State Automata",
// Computational Linguistics 26(1), 2000; Bryant, "Graph-Based Algorithms for Boolean Function Manipulation", 1986.
using System.Runtime.CompilerServices;

namespace Lookup.Core.Numbers;

/// <summary>Finite sets of strings of decimal digits, each named by an integer. Not thread-safe.</summary>
internal sealed class DigitSets
{
    /// <summary>The set without strings.</summary>
    internal const int None = 0;

    /// <summary>The set that contains only the empty string.</summary>
    internal const int Empty = 1;

    /// <summary>One bit per digit.</summary>
    internal const int AllDigits = (1 << Ten) - 1;

    private const int Ten = 10;

    // A node is eleven integers: the ten sets of remainders, and 1 if the empty string is in the set.
    private const int Size = Ten + 1;

    private readonly Dictionary<long, int> _combined = [];
    private int[] _nodes = new int[1 << 16];
    private int[] _buckets = new int[1 << 13];
    private int _count;

    internal DigitSets()
    {
        Span<int> node = stackalloc int[Size];
        node.Clear();
        Add(node);
        node[Ten] = 1;
        Add(node);
    }

    private enum Operation
    {
        Union,
        Intersection,
        Difference,
    }

    /// <summary>Returns whether the set contains the empty string.</summary>
    internal bool HasEmpty(int set) => _nodes[(set * Size) + Ten] != 0;

    /// <summary>Returns the remainders of the strings that begin with a digit.</summary>
    internal int After(int set, int digit) => _nodes[(set * Size) + digit];

    /// <summary>Returns the strings of a set, each preceded by one of the digits.</summary>
    /// <param name="digits">One bit per digit.</param>
    internal int Then(int digits, int rest)
    {
        Span<int> node = stackalloc int[Size];
        for (var digit = 0; digit < Ten; digit++)
        {
            node[digit] = (digits & (1 << digit)) != 0 ? rest : None;
        }

        node[Ten] = 0;
        return Add(node);
    }

    /// <summary>Returns all strings of up to this many digits.</summary>
    internal int UpTo(int digits)
    {
        Span<int> node = stackalloc int[Size];
        var set = Empty;
        for (; digits > 0; digits--)
        {
            node.Fill(set);
            node[Ten] = 1;
            set = Add(node);
        }

        return set;
    }

    /// <summary>Returns the strings in either set.</summary>
    internal int Union(int a, int b) => Combine(Operation.Union, a, b);

    /// <summary>Returns the strings in both sets.</summary>
    internal int Intersect(int a, int b) => Combine(Operation.Intersection, a, b);

    /// <summary>Returns the strings of the first set that are not in the second.</summary>
    internal int Except(int a, int b) => Combine(Operation.Difference, a, b);

    // Runs at startup, before the code is warm. Without full optimisation the plans of all countries take ten times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Combine(Operation operation, int a, int b)
    {
        if (a == b)
        {
            return operation == Operation.Difference ? None : a;
        }

        if (a == None)
        {
            return operation == Operation.Union ? b : None;
        }

        if (b == None)
        {
            return operation == Operation.Intersection ? None : a;
        }

        if (operation != Operation.Difference && a > b)
        {
            (a, b) = (b, a);
        }

        var key = ((long)operation << 60) | ((long)a << 30) | (uint)b;
        if (_combined.TryGetValue(key, out var known))
        {
            return known;
        }

        Span<int> node = stackalloc int[Size];
        for (var digit = 0; digit < Ten; digit++)
        {
            node[digit] = Combine(operation, _nodes[(a * Size) + digit], _nodes[(b * Size) + digit]);
        }

        var (inA, inB) = (_nodes[(a * Size) + Ten], _nodes[(b * Size) + Ten]);
        node[Ten] = operation switch
        {
            Operation.Union => inA | inB,
            Operation.Intersection => inA & inB,
            _ => inA & ~inB,
        };
        var set = Add(node);
        _combined.Add(key, set);
        return set;
    }

    // Returns the set with this content. Open addressing, at most half full; a bucket holds the set plus one.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Add(ReadOnlySpan<int> node)
    {
        for (var bucket = Hash(node); ; bucket++)
        {
            ref var set = ref _buckets[bucket & (uint)(_buckets.Length - 1)];
            if (set == 0)
            {
                set = ++_count;
                break;
            }

            if (node.SequenceEqual(_nodes.AsSpan((set - 1) * Size, Size)))
            {
                return set - 1;
            }
        }

        if (_count * Size > _nodes.Length)
        {
            Array.Resize(ref _nodes, _nodes.Length * 2);
        }

        node.CopyTo(_nodes.AsSpan((_count - 1) * Size, Size));
        if (_count * 2 > _buckets.Length)
        {
            Rehash();
        }

        return _count - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rehash()
    {
        var buckets = new int[_buckets.Length * 2];
        for (var set = 0; set < _count; set++)
        {
            var bucket = Hash(_nodes.AsSpan(set * Size, Size));
            while (buckets[bucket & (uint)(buckets.Length - 1)] != 0)
            {
                bucket++;
            }

            buckets[bucket & (uint)(buckets.Length - 1)] = set + 1;
        }

        _buckets = buckets;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static uint Hash(ReadOnlySpan<int> node)
    {
        var hash = 0u;
        foreach (var part in node)
        {
            hash = (hash ^ (uint)part) * 0x9E3779B1;
            hash ^= hash >> 15;
        }

        return hash;
    }
}
