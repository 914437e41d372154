using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Lookup.Load.Chaos;
using Lookup.Load.Chaos.Plan;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Chaos.Workload;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.Load.Results;
using Lookup.V1;

namespace Lookup.Load.Commands;

/// <summary>Many dialers ask two instances for the last allowed call of one number at the same moment, while the store is broken.</summary>
internal sealed class ReserveCommand : LoadCommand
{
    private const int Instances = 2;
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan FaultLength = TimeSpan.FromSeconds(1.2);

    private readonly Option<int> _rounds;
    private readonly Option<int> _parallel;
    private readonly Option<int> _every;
    private readonly Option<int> _single;
    private readonly Option<StoreMode> _mode = new("--mode") { Description = "The kind of store.", HelpName = "MODE", DefaultValueFactory = _ => StoreMode.Single };

    public ReserveCommand()
        : base("reserve", "Parallel reservations of the last allowed call at 2 instances, with faults in between: never more than one is given.", "redis-server")
    {
        _rounds = Number("--rounds", "Numbers, one after the other", 1_000, 1, 1_000_000);
        _parallel = Number("--parallel", "Reservations at once", 64, 2, 1_024);
        _every = Number("--fault-every", "A fault in each so manyth round; 0: none", 10, 0, 1_000_000);
        _single = Number("--single", "Reservations one at a time, beside exact checks", 500, 10, 1_000_000);
        Options.Add(_mode);
    }

    protected override async Task MeasureAsync(ParseResult parsed, Report report, CancellationToken ct)
    {
        using var folder = new TempFolder();
        var keyFile = Path.Combine(folder.Path, ChaosRun.KeyFile);
        await using var store = await ChaosStore.StartAsync(parsed.GetValue(_mode), Instances, ct);
        await store.InitAsync(LookupTool.Path, keyFile, ct);
        var instances = Instance.Of(LookupTool.Path, Instances, store, keyFile, _ => null);
        try
        {
            await Task.WhenAll(instances.Select(instance => instance.StartAsync(ct)));
            await ChaosRun.PatientAsync(() => StateAsync(instances[0], ct), ct);
            var tally = new Tally();
            var every = parsed.GetValue(_every);
            for (var round = 0; round < parsed.GetValue(_rounds); round++)
            {
                var isBroken = every > 0 && round % every == every - 1;
                await RoundAsync(store, instances, round, parsed.GetValue(_parallel), isBroken ? round / every : null, tally, report, ct);
                if (round % 100 == 99)
                {
                    Report.Say($"  {round + 1:N0} rounds, {tally.Broken} with a fault: {tally.Allowed} calls given, {tally.Undecided:N0} answers undecided");
                }
            }

            report.Add(new Metric("reserve_rounds", "rounds", new Series(parsed.GetValue(_rounds))) { Note = $"{parsed.GetValue(_parallel)} reservations at once in each, {tally.Broken} rounds with a fault, {parsed.GetValue(_mode)}." });
            report.Add(new Metric("reserve_given", "calls", new Series(tally.Allowed)) { Note = "Never more than one for a number, and each was on record at the end." });
            report.Add(new Metric("reserve_undecided", "answers", new Series(tally.Undecided)) { Note = "UNKNOWN or an error, nearly all in rounds with a fault." });
            report.Add(new Metric("reserve_none", "rounds", new Series(tally.None)) { Note = "Rounds in which the call was given to nobody." });
            await SingleAsync(instances[0], parsed.GetValue(_rounds), parsed.GetValue(_single), report, ct);
        }
        finally
        {
            foreach (var instance in instances)
            {
                await instance.DisposeAsync();
            }
        }
    }

    // One attempt a day is allowed, so the first is the last.
    private static async Task<PutOrganisationResponse> StateAsync(Instance instance, CancellationToken ct)
    {
        await TestBed.StateAsync(instance.Channel, emptyRegisters: true, ct);
        var organisation = new Organisation
        {
            Name = TestBed.Organisation,
            Sector = Sector.Other,
            SwitchedOffLayers = { Layer.Code },
            AttemptCaps = { new AttemptCap { Max = 1, WithinHours = 24 } },
        };
        var put = await new RegistryService.RegistryServiceClient(instance.Channel).PutOrganisationAsync(
            new PutOrganisationRequest { Organisation = organisation }, cancellationToken: ct);
        await Task.Delay(1_000, ct);
        return put;
    }

    private static async Task RoundAsync(
        ChaosStore store, Instance[] instances, long round, int parallel, int? fault, Tally tally, Report report, CancellationToken ct)
    {
        var breaking = fault is { } number ? BreakAsync(store, instances, number, ct) : Task.CompletedTask;
        var answers = await Task.WhenAll(Enumerable.Range(0, parallel).Select(async i =>
        {
            // Over the time of the fault, so that some come before, within and behind it.
            if (fault is not null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(0, 2_500)), ct);
            }

            return await ReserveAsync(instances[i % instances.Length], round, ct);
        }));
        await breaking;
        var given = answers.Where(a => a?.Decision.Verdict == Verdict.Allow).ToList();
        var undecided = answers.Count(a => a is null || a.Decision.Verdict == Verdict.Unknown);
        tally.Add(given.Count, undecided, fault is not null);
        if (given.Count > 1)
        {
            report.Wrong(string.Create(CultureInfo.InvariantCulture, $"round {round}: the last call was given {given.Count} times."));
        }

        if (given.Count == 0 && undecided == 0)
        {
            report.Wrong(string.Create(CultureInfo.InvariantCulture, $"round {round}: the last call was denied to all."));
        }

        foreach (var answer in given)
        {
            if (!await IsOnRecordAsync(instances, round, answer!.Reservation.Called, ct))
            {
                report.Wrong(string.Create(CultureInfo.InvariantCulture, $"round {round}: the call that was given is not on record."));
            }
        }
    }

    private static async Task<CheckResponse?> ReserveAsync(Instance instance, long place, CancellationToken ct)
    {
        try
        {
            return await new LookupService.LookupServiceClient(instance.Channel).CheckAsync(
                Request(place, reserve: true), deadline: DateTime.UtcNow + CallLimit, cancellationToken: ct);
        }
        catch (RpcException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    private static CheckRequest Request(long place, bool reserve) => new()
    {
        Number = NumberBlock.British.Text(place),
        Question = new Question { Organisation = TestBed.Organisation, Purpose = Purpose.Commercial, Subscriber = SubscriberType.Consumer },
        Consistency = new Consistency { Exact = true },
        Reserve = reserve ? new Reserve { Duration = new Duration { Seconds = 3_600 } } : null,
    };

    private static async Task<bool> IsOnRecordAsync(Instance[] instances, long place, Timestamp called, CancellationToken ct)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var listed = await new FactService.FactServiceClient(instances[attempt % instances.Length].Channel).ListFactsAsync(
                    new ListFactsRequest { Number = NumberBlock.British.Text(place) }, deadline: DateTime.UtcNow + CallLimit, cancellationToken: ct);
                return listed.Facts.Any(f => f.Fact.KindCase == Fact.KindOneofCase.Attempt && f.Fact.Effective.Equals(called));
            }
            catch (RpcException) when (attempt < 100 && !ct.IsCancellationRequested)
            {
                await Task.Delay(200, ct);
            }
        }
    }

    private static async Task BreakAsync(ChaosStore store, Instance[] instances, int kind, CancellationToken ct)
    {
        await Task.Delay(Random.Shared.Next(0, 500), ct);
        switch (kind % 3)
        {
            case 0:
                var frozen = await store.PrimaryAsync(0, ct);
                frozen.Freeze();
                await Task.Delay(FaultLength, ct);
                frozen.Thaw();
                break;
            case 1:
                var killed = await store.PrimaryAsync(0, ct);
                await killed.KillAsync();
                await Task.Delay(FaultLength, ct);
                await store.RestartAsync(killed, ct);
                break;
            default:
                var instance = instances[Random.Shared.Next(instances.Length)];
                await instance.KillAsync();
                await instance.StartAsync(ct);
                break;
        }

        await store.FollowedAsync(ct);
        foreach (var instance in instances)
        {
            await AnswersAsync(instance, ct);
        }
    }

    private static async Task AnswersAsync(Instance instance, CancellationToken ct)
    {
        for (var clock = Stopwatch.StartNew(); ;)
        {
            try
            {
                var answer = await new LookupService.LookupServiceClient(instance.Channel).CheckAsync(
                    Request(NumberBlock.British.Size - 1, reserve: false), deadline: DateTime.UtcNow + CallLimit, cancellationToken: ct);
                if (answer.Decision.Verdict == Verdict.Allow)
                {
                    return;
                }
            }
            catch (RpcException) when (!ct.IsCancellationRequested && clock.Elapsed < TimeSpan.FromSeconds(60))
            {
                // Not yet.
            }

            await Task.Delay(50, ct);
        }
    }

    private static async Task SingleAsync(Instance instance, long from, int count, Report report, CancellationToken ct)
    {
        var client = new LookupService.LookupServiceClient(instance.Channel);
        var (reserved, checks) = (new List<double>(), new List<double>());
        for (var i = 0; i < count; i++)
        {
            checks.Add(await TimeAsync(Request(from + i, reserve: false)));
            reserved.Add(await TimeAsync(Request(from + i, reserve: true)));
        }

        report.Add(new Metric("reserve_one_at_a_time", "us", Median(reserved))
        {
            BaselineName = "exact check",
            Baseline = Median(checks),
            Note = "Median of a reservation that is given, one at a time; redis writes its log to the disk with each write.",
        });

        async Task<double> TimeAsync(CheckRequest request)
        {
            var clock = Stopwatch.StartNew();
            await client.CheckAsync(request, cancellationToken: ct);
            return clock.Elapsed.TotalMicroseconds;
        }

        static Series Median(List<double> values)
        {
            values.Sort();
            return new Series(values[values.Count / 2]);
        }
    }

    private sealed class Tally
    {
        internal long Allowed { get; private set; }

        internal long Undecided { get; private set; }

        internal long None { get; private set; }

        internal int Broken { get; private set; }

        internal void Add(int given, int undecided, bool isBroken)
        {
            Allowed += given;
            Undecided += undecided;
            None += given == 0 ? 1 : 0;
            Broken += isBroken ? 1 : 0;
        }
    }
}
