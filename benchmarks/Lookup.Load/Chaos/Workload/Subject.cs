using Google.Protobuf.WellKnownTypes;
using Lookup.Core.Numbers;
using Lookup.Load.Chaos.History;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Chaos.Workload;

/// <summary>The numbers that are written and read, and the newest token of each.</summary>
internal sealed class Subject
{
    private const string Source = "chaos";

    private readonly int[]? _partitions;
    private readonly HashSet<long>[] _times;
    private readonly Dictionary<string, int> _places = [];
    private readonly (string Text, ulong Version)[] _tokens;
    private readonly ulong[] _versions;
    private readonly int[] _recent = new int[32];
    private readonly Lock _lock = new();
    private readonly TimeSpan _earlier;
    private int _written;

    /// <param name="numbers">How many numbers.</param>
    /// <param name="cipher">The store's; null where its key changes: then versions tell nothing, and no token is used.</param>
    /// <param name="partitions">The store's.</param>
    /// <param name="earlier">Facts take effect so long before they are recorded, where clocks of instances are behind.</param>
    internal Subject(int numbers, NumberCipher? cipher, int partitions, TimeSpan earlier)
    {
        (Count, _earlier) = (numbers, earlier);
        if (cipher is not null)
        {
            _partitions = [.. Enumerable.Range(0, numbers).Select(i => cipher.Encrypt(Block(i).Number(i)).Partition(partitions))];
        }

        _times = [.. Enumerable.Range(0, numbers).Select(_ => new HashSet<long>())];
        _tokens = new (string, ulong)[numbers];
        _versions = new ulong[partitions];
        for (var i = 0; i < numbers; i++)
        {
            _places.Add(Text(i), i);
        }
    }

    internal int Count { get; }

    /// <summary>When an erasure that comes now takes effect at the earliest, by the clock of any instance, Unix milliseconds.</summary>
    internal long NowAtInstances => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - (MayExpire ? 0 : ChaosPlan.MaxLengthMs);

    /// <summary>Instances agree with this process when a consent expires.</summary>
    internal bool MayExpire => _earlier == TimeSpan.Zero;

    /// <summary>A call to these is permitted unless something forbids it: every third.</summary>
    internal static bool IsOptOut(int number) => number % 3 == 0;

    /// <summary>A consent is never written for these: the last tenth, and where none is needed.</summary>
    internal bool IsNeverConsented(int number) => IsOptOut(number) || number >= Count - (Count / 10);

    internal static string Text(int number) => Block(number).Text(number);

    internal static ulong Integer(int number) => Block(number)[number];

    internal bool HasTokens => _partitions is not null;

    internal int PartitionOf(int number) => _partitions![number];

    /// <summary>Which number it is; -1: none of these.</summary>
    internal int Find(string text) => _places.GetValueOrDefault(text, -1);

    /// <summary>A number to read: every other one of those written last, where a stale answer would show.</summary>
    internal int Any(Random random)
    {
        var written = Volatile.Read(ref _written);
        return written > 0 && random.Next(2) == 0 ? Volatile.Read(ref _recent[random.Next(Math.Min(written, _recent.Length))]) : random.Next(Count);
    }

    /// <summary>
    /// A time of effect that no other write of the number has, now or up to a second ago: two facts of one moment would
    /// be one. Never in the future, since decisions do not see that.
    /// </summary>
    internal async Task<long> TimeAsync(int number, Random random, CancellationToken ct)
    {
        while (true)
        {
            var time = (DateTimeOffset.UtcNow - _earlier).ToUnixTimeMilliseconds() - (random.Next(8) == 0 ? random.Next(1_000) : 0);
            lock (_lock)
            {
                if (_times[number].Add(time))
                {
                    return time;
                }
            }

            await Task.Delay(1, ct);
        }
    }

    /// <summary>Takes note of an acknowledgement.</summary>
    /// <returns>The version of the number's partition; 0 where the number key changes.</returns>
    internal ulong Acknowledged(int number, string token)
    {
        var read = Read(token);
        var version = VersionOf(number, read);
        lock (_lock)
        {
            if (version > _tokens[number].Version)
            {
                _tokens[number] = (token, version);
            }

            for (var partition = 0; partition < _versions.Length; partition++)
            {
                _versions[partition] = Math.Max(_versions[partition], read.VersionOf(partition));
            }

            _recent[_written % _recent.Length] = number;
            _written++;
        }

        return version;
    }

    internal ulong VersionOf(int number, string token) => VersionOf(number, Read(token));

    /// <summary>The version of each number's partition in a token; 0 where the number key changes.</summary>
    internal ulong[] VersionsOf(string token)
    {
        var read = Read(token);
        return [.. Enumerable.Range(0, Count).Select(number => VersionOf(number, read))];
    }

    private ulong VersionOf(int number, ConsistencyToken token) => _partitions is null ? 0 : token.VersionOf(_partitions[number]);

    private static ConsistencyToken Read(string token) =>
        ConsistencyToken.TryParse(token, out var read, out var error) ? read : throw new InvalidDataException(error);

    /// <summary>The newest token of a number, or null.</summary>
    internal (string Text, ulong Version)? TokenOf(int number)
    {
        lock (_lock)
        {
            return _tokens[number].Text is null ? null : _tokens[number];
        }
    }

    /// <summary>The newest version that was acknowledged of each partition.</summary>
    internal ulong[] Versions()
    {
        lock (_lock)
        {
            return [.. _versions];
        }
    }

    /// <summary>Tokens of a store that is gone say nothing.</summary>
    internal void ForgetTokens()
    {
        lock (_lock)
        {
            Array.Clear(_tokens);
            Array.Clear(_versions);
        }
    }

    /// <summary>The fact that a write says; not for erasures.</summary>
    internal static Fact FactOf(HistoryEvent write)
    {
        var fact = new Fact
        {
            Number = Text(write.Number),
            Source = Source,
            Withdrawn = write.Write is WriteKind.ConsentWithdrawal or WriteKind.ObjectionWithdrawal,
        };
        var time = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(write.Effective));
        if (write.Write is WriteKind.Objection or WriteKind.ObjectionWithdrawal)
        {
            fact.Effective = time;
            fact.Objection = new Objection { Organisation = write.All ? "*" : TestBed.Organisation };
            return fact;
        }

        fact.Consent = new Consent { Organisation = TestBed.Organisation, Purposes = { Purpose.Commercial } };
        if (fact.Withdrawn)
        {
            fact.Effective = time;
            return fact;
        }

        fact.Consent.Captured = time;
        fact.Consent.Evidence = new Evidence { Reference = "recording" };
        if (write.Until != 0)
        {
            fact.Consent.Expires = Timestamp.FromDateTimeOffset(DateTimeOffset.FromUnixTimeMilliseconds(write.Until));
        }

        return fact;
    }

    internal static EraseNumberRequest ErasureOf(int number) => new() { Number = Text(number), Source = Source };

    /// <summary>What a fact that the service tells is in a history; null: none of the workload's, or one that is removed.</summary>
    internal static HistoryEvent? Told(Fact fact)
    {
        var (kind, all) = fact.KindCase switch
        {
            Fact.KindOneofCase.Objection => (fact.Withdrawn ? WriteKind.ObjectionWithdrawal : WriteKind.Objection, fact.Objection.Organisation == "*"),
            Fact.KindOneofCase.Consent => (fact.Withdrawn ? WriteKind.ConsentWithdrawal : WriteKind.Consent, false),
            _ => (WriteKind.None, false),
        };
        return kind == WriteKind.None || fact.Effective is null
            ? null
            : new HistoryEvent { Write = kind, All = all, Effective = fact.Effective.ToDateTimeOffset().ToUnixTimeMilliseconds() };
    }
    private static NumberBlock Block(int number) => IsOptOut(number) ? NumberBlock.British : NumberBlock.Dutch;
}
