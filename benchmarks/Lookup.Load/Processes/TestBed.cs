using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Cli.Bench;
using Lookup.Core.Numbers;
using Lookup.Load.Numbers;
using Lookup.Load.Results;
using Lookup.Redis;
using Lookup.V1;

namespace Lookup.Load.Processes;

/// <summary>The service on a redis-server of its own, with a key and a folder that go with them.</summary>
internal sealed class TestBed : IAsyncDisposable
{
    /// <summary>The organisation that calls. Its calling hours are switched off, so that a run gives the same answers at any time.</summary>
    internal const string Organisation = "load";

    /// <summary>The registers that a call to a British number is checked against.</summary>
    internal static readonly string[] BritishRegisters = ["uk-tps", "uk-ctps"];

    private ChildProcess? _service;
    private GrpcChannel? _channel;

    private TestBed(LocalRedis redis)
    {
        Redis = redis;
        Cipher = new NumberCipher(EncryptionKeyFile.Create(KeyFile));
    }

    internal string Folder { get; } = Directory.CreateTempSubdirectory("lookup-load-").FullName;

    internal LocalRedis Redis { get; }

    internal NumberCipher Cipher { get; }

    internal string KeyFile => Path.Combine(Folder, "number.key");

    internal StoreOptions StoreOptions => new() { ConnectionString = Redis.ConnectionString, WriteTimeoutMs = 30_000 };

    internal ChildProcess Service => _service ?? throw new InvalidOperationException("The service is not started.");

    internal Uri Address { get; private set; } = null!;

    internal Uri JsonAddress { get; private set; } = null!;

    /// <summary>Partitions of a store on redis that is set up without saying how many.</summary>
    internal int Partitions { get; } = new InitOptions { KeyCheck = "" }.Partitions;

    internal static async Task<TestBed> StartAsync() =>
        new(await LocalRedis.StartAsync("--maxmemory-policy", "noeviction"));

    /// <summary>Starts it with a store that has a consent for each of the first numbers, and room for more facts.</summary>
    internal static async Task<TestBed> StartWithConsentsAsync(long consents, CancellationToken ct, long room = 0)
    {
        Report.Say($"Filling a store with {consents:N0} consents ...");
        var bed = await StartAsync();
        try
        {
            await StoreFiller.FillAsync(
                bed.StoreOptions, bed.Cipher, consents + room, StoreFiller.Consents(NumberBlock.Dutch, consents, Organisation), withDetail: false, ct);
            return bed;
        }
        catch
        {
            await bed.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the service on the store, which is filled by now, and states the organisation.</summary>
    internal async Task ServeAsync(CancellationToken ct)
    {
        (_service, Address, JsonAddress) = await LookupTool.ServeBothAsync(Redis.ConnectionString, KeyFile, ct);
        _channel = Channel();
        await StateAsync(_channel, emptyRegisters: false, ct);
    }

    /// <summary>States the organisation, and on demand that both British registers are empty. Every instance knows it when this ends.</summary>
    internal static async Task StateAsync(ChannelBase channel, bool emptyRegisters, CancellationToken ct)
    {
        var registry = new RegistryService.RegistryServiceClient(channel);
        var organisation = new Organisation { Name = Organisation, Sector = Sector.Other, SwitchedOffLayers = { Layer.Code } };
        await registry.PutOrganisationAsync(new PutOrganisationRequest { Organisation = organisation }, cancellationToken: ct);
        foreach (var register in emptyRegisters ? BritishRegisters : [])
        {
            await registry.RecordSnapshotAsync(
                new RecordSnapshotRequest { Register = register, SnapshotDate = Timestamp.FromDateTime(DateTime.UtcNow.Date.AddDays(-1)) }, cancellationToken: ct);
        }

        // Twice the freshness bound.
        await Task.Delay(1_000, ct);
    }

    /// <summary>Records blocks of a hundred Dutch numbers each, half of them below the mobile numbers and half above.</summary>
    internal static async Task BlockAsync(ChannelBase channel, int count, CancellationToken ct)
    {
        const int Batch = 1_000;
        var facts = new FactService.FactServiceClient(channel);
        for (var from = 0; from < count; from += Batch)
        {
            var request = new RecordBlocksRequest();
            for (var i = from; i < Math.Min(count, from + Batch); i++)
            {
                var pattern = string.Create(CultureInfo.InvariantCulture, $"+31{(i % 2 == 0 ? 20 : 85)}{i / 2:D5}*");
                request.Blocks.Add(new Block { Organisation = Organisation, Pattern = pattern, Source = StoreFiller.Source });
            }

            var recorded = await facts.RecordBlocksAsync(request, cancellationToken: ct);
            if (recorded.Results.FirstOrDefault(result => result.Errors.Count > 0) is { } refused)
            {
                throw new InvalidOperationException(refused.Errors[0].Description);
            }
        }
    }

    /// <summary>Records an objection to calls by <see cref="Organisation"/>, within 20 s.</summary>
    internal static async Task<Outcome> ObjectAsync(FactService.FactServiceClient facts, long place)
    {
        var fact = new Fact { Number = NumberBlock.Dutch.Text(place), Source = StoreFiller.Source, Objection = new Objection { Organisation = Organisation } };
        try
        {
            await facts.RecordFactsAsync(new RecordFactsRequest { Facts = { fact } }, deadline: DateTime.UtcNow.AddSeconds(20));
            return Outcome.Right;
        }
        catch (RpcException)
        {
            return Outcome.Undecided;
        }
    }

    /// <summary>The value of a counter of the service, one without labels; 0 where there is none yet.</summary>
    internal async Task<double> CounterAsync(string name, CancellationToken ct)
    {
        using var http = new HttpClient { BaseAddress = JsonAddress };
        var metrics = await http.GetStringAsync("metrics", ct);
        return metrics.Split('\n').Where(line => line.StartsWith(name + ' ', StringComparison.Ordinal)).Sum(line => double.Parse(line.AsSpan(name.Length), CultureInfo.InvariantCulture));
    }

    /// <summary>A file in the folder that goes at the end.</summary>
    internal string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>A connection of its own to the service.</summary>
    internal GrpcChannel Channel() => Connect(Address);

    internal static GrpcChannel Connect(Uri address) => GrpcChannel.ForAddress(
        address,
        new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true }, DisposeHttpClient = true });

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        if (_service is not null)
        {
            await _service.DisposeAsync();
        }

        Cipher.Dispose();
        await Redis.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
