// For: showing that the embedded store always opens, with every acknowledged fact.
//
// Each session starts a process that opens the store and has several writers import, grant, withdraw and erase; it is killed
// while it opens or while it writes, or ended well. Then the store is opened here, and every field of every bucket
// is compared with what was acknowledged. What was under way when the process ended may be there or not, number by number;
// what is found of it is expected from then on.
using System.Diagnostics;
using System.Globalization;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Redis;
using Lookup.Redis.Reading;

namespace Lookup.StoreWriter;

/// <summary>Sessions of one store, and what was found after each.</summary>
internal sealed class SessionRun(SessionSettings settings, Action<string> say)
{
    private const int SampleSize = 2_000;
    private const int MaxFaults = 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly NumberState[] _expected = new NumberState[settings.Writers * SessionFacts.NumbersPerWriter];
    private readonly int[] _imported = new int[settings.Writers];
    private readonly Random _random = new(settings.Seed);
    private readonly Dictionary<int, NumberState> _underWay = [];

    /// <summary>How sessions ended.</summary>
    internal int Killed { get; private set; }

    /// <summary>Of those, how many while the store was being opened.</summary>
    internal int KilledInOpening { get; private set; }

    /// <summary>Operations that were acknowledged.</summary>
    internal long Acknowledged { get; private set; }

    /// <summary>Numbers whose facts were compared, over all sessions.</summary>
    internal long Compared { get; private set; }

    /// <summary>Everything that was not as it should be.</summary>
    internal List<string> Faults { get; } = [];

    internal async Task RunAsync(CancellationToken cancellation)
    {
        for (var session = 0; session < settings.Sessions && Faults.Count == 0; session++)
        {
            var how = await WorkAsync(session, cancellation);
            var clock = Stopwatch.StartNew();
            await using var store = await EmbeddedStore.StartAsync(settings.Options, null, TimeProvider.System, cancellation);
            var opened = clock.Elapsed;
            clock.Restart();
            var facts = await CompareAsync(store, session, cancellation);
            say(string.Create(
                CultureInfo.InvariantCulture,
                $"session {session}: {how}; opened in {opened.TotalSeconds:F2} s, {facts:N0} facts compared in {clock.Elapsed.TotalSeconds:F1} s, {SizeOf(settings.Folder) / 1048576} MiB, {Faults.Count} faults"));
        }
    }

    private async Task<string> WorkAsync(int session, CancellationToken cancellation)
    {
        // The other half of the sessions are killed while they write, or end well.
        var inOpening = _random.Next(6) == 0;
        var kills = inOpening || _random.Next(3) > 0;
        var delay = TimeSpan.FromMilliseconds(_random.Next(inOpening ? 1_500 : 300));
        var steps = new int[settings.Writers];
        var quota = settings.Quota * settings.Writers;
        using var process = Start(session);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Limit);
        try
        {
            if (inOpening)
            {
                await Task.Delay(delay, limit.Token);
                process.Kill();
            }

            var ending = false;
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                var imported = Take(session, line, steps);
                quota -= imported;
                if (quota > 0 || ending)
                {
                    continue;
                }

                ending = true;
                _ = EndAsync(process, kills, delay);
            }

            await process.WaitForExitAsync(limit.Token);
        }
        finally
        {
            process.Kill();
        }

        if (kills)
        {
            Killed++;
        }
        else if (process.ExitCode != 0)
        {
            Faults.Add($"Session {session} was to end well and ended with {process.ExitCode}: {await process.StandardError.ReadToEndAsync(cancellation)}");
        }

        if (inOpening)
        {
            KilledInOpening++;
        }

        for (var writer = 0; writer < settings.Writers; writer++)
        {
            if (kills)
            {
                NoteUnderWay(SessionOperation.Next(settings, session, writer, steps[writer], _imported[writer]));
            }
        }

        return inOpening ? "killed while it opened" : kills ? "killed while it wrote" : "ended well";
    }

    private Process Start(int session) => Process.Start(new ProcessStartInfo(
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
        [
            Path.Combine(AppContext.BaseDirectory, "Lookup.StoreWriter.dll"), "work", .. settings.ToArguments(),
            session.ToString(CultureInfo.InvariantCulture), string.Join(',', _imported),
        ])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static async Task EndAsync(Process process, bool kills, TimeSpan delay)
    {
        await Task.Delay(delay);
        if (kills)
        {
            process.Kill();
        }
        else
        {
            process.StandardInput.Close();
        }
    }

    // Numbers that the acknowledged operation imported.
    private int Take(int session, string line, int[] steps)
    {
        if (line == SessionWorker.Ready)
        {
            return 0;
        }

        var parts = line.Split(' ');
        var writer = int.Parse(parts[0], CultureInfo.InvariantCulture);
        if (int.Parse(parts[1], CultureInfo.InvariantCulture) != steps[writer])
        {
            throw new InvalidOperationException($"Session {session}: writer {writer} said {line} and was at {steps[writer]}.");
        }

        var done = SessionOperation.Next(settings, session, writer, steps[writer], _imported[writer]);
        steps[writer]++;
        Acknowledged++;
        for (var index = done.First; index < done.First + done.Count; index++)
        {
            _expected[index] = SessionFacts.After(_expected[index], done.Fact);
        }

        if (!done.IsImport)
        {
            return 0;
        }

        _imported[writer] += done.Count;
        return done.Count;
    }

    private void NoteUnderWay(SessionOperation operation)
    {
        for (var index = operation.First; index < operation.First + operation.Count; index++)
        {
            _underWay[index] = SessionFacts.After(_expected[index], operation.Fact);
        }
    }

    private async Task<long> CompareAsync(EmbeddedStore store, int session, CancellationToken cancellation)
    {
        var found = ReadAll(store, session);
        for (var index = 0; index < found.States.Length; index++)
        {
            if (found.States[index] == _expected[index])
            {
                continue;
            }

            if (_underWay.TryGetValue(index, out var other) && found.States[index] == other)
            {
                _expected[index] = other;
            }
            else
            {
                Fault($"Session {session}: number {index} has {found.States[index]}, acknowledged was {_expected[index]}{(_underWay.ContainsKey(index) ? ", and more was under way" : "")}.");
            }
        }

        _underWay.Clear();
        await SampleAsync(store, session, cancellation);
        var counted = (await store.Maintenance.ProbeAsync(cancellation)).Facts;
        if (counted != found.Fields)
        {
            Fault($"Session {session}: the store says {counted} facts and has {found.Fields}.");
        }

        Compared += _imported.Sum();
        return found.Fields;
    }

    // As the server reads a bucket, but without a connection in between.
    private (NumberState[] States, long Fields) ReadAll(EmbeddedStore store, int session)
    {
        var states = new NumberState[_expected.Length];
        long fields = 0;
        var reader = store.Engine.NewReader();
        reader.Begin();
        for (var partition = 0; partition < store.Manifest.Partitions; partition++)
        {
            for (var bucket = 0; bucket < NumberPseudonym.Buckets; bucket++)
            {
                var at = bucket;
                reader.HashEach((byte[])Keys.Bucket(partition, bucket)!, (field, value) =>
                {
                    var index = SessionFacts.IndexOf(store.Cipher.Decrypt(NumberPseudonym.FromField(at, field)));
                    var state = SessionFacts.StateOf(FactId.Read(field[NumberPseudonym.FieldSize..]), value);
                    if (state == NumberState.Nothing)
                    {
                        Fault($"Session {session}: number {index} has a fact that was never written.");
                    }

                    states[index] |= state;
                    fields++;
                });
            }
        }

        reader.End();
        return (states, fields);
    }

    // As a check reads them.
    private async Task SampleAsync(EmbeddedStore store, int session, CancellationToken cancellation)
    {
        var batch = new ReadBatch();
        var indexes = new List<int>();
        for (var i = 0; i < SampleSize; i++)
        {
            var writer = _random.Next(settings.Writers);
            // Some were never imported.
            indexes.Add((writer * SessionFacts.NumbersPerWriter) + _random.Next(_imported[writer] + 1_000));
            batch.Add(store.Cipher.Encrypt(SessionFacts.Number(indexes[i])), SessionFacts.Ids);
        }

        await store.Reader.ReadAsync(batch, cancellation);
        for (var i = 0; i < SampleSize; i++)
        {
            var state = NumberState.Nothing;
            for (var k = 0; k < SessionFacts.Ids.Length; k++)
            {
                if (batch.Value(i, k) is { IsNull: false } value)
                {
                    state |= SessionFacts.StateOf(SessionFacts.Ids[k], value.Span);
                }
            }

            if (state != _expected[indexes[i]])
            {
                Fault($"Session {session}: number {indexes[i]} is read as {state}, acknowledged was {_expected[indexes[i]]}.");
            }
        }
    }

    private void Fault(string text)
    {
        if (Faults.Count < MaxFaults)
        {
            Faults.Add(text);
        }
    }

    private static long SizeOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);
}
