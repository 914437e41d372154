using Lookup.Core.Numbers;
using Lookup.Redis.Following;
using Lookup.Server;
using Lookup.Server.Lists;
using Lookup.Server.Reading;

namespace Lookup.ServiceTests.Records;

/// <summary>A filter is not used for a pseudonym of another encryption key: it may lack the number's facts.</summary>
public sealed class ReadViewTests : IDisposable
{
    private static readonly PhoneNumber Number = new(31_612_345_678);

    private readonly NumberCipher _cipher = new([new byte[32], [.. Enumerable.Repeat((byte)1, 32)]]);

    public void Dispose() => _cipher.Dispose();

    [Fact]
    public async Task Encrypt_KeyRotatedMeanwhile_UsesNoFilter()
    {
        await using var server = await LookupServer.StartAsync(await LookupServer.EmbeddedAsync());
        var options = new LookupServerOptions { FreshnessBoundMs = 60_000 };
        var clock = new Rotation(_cipher);
        var view = new ReadView(server.Host.Replica, _cipher, null!, null!, options, clock);
        // Later than every poll of the replica, so that each filter has an age.
        var now = clock.GetTimestamp() + (30 * TimeProvider.System.TimestampFrequency);
        view.Encrypt(Number, null, now, out var before);
        clock.IsDue = true;
        var key = view.Encrypt(Number, null, now, out var meanwhile);
        view.Encrypt(Number, null, now, out var after);

        Assert.NotNull(before);
        Assert.Null(meanwhile);
        Assert.NotNull(after);
        Assert.NotEqual(_cipher.Encrypt(Number), key);
    }

    [Fact]
    public void Chunk_KeyRotatedAfterTheFiltersWereTaken_UsesNoFilter()
    {
        var state = new PartitionReplica(new Core.Filters.BlockFilter(1), 1, 1, 0);
        var filters = new ChunkBasis(2, _cipher);
        var keys = new NumberPseudonym[1];
        filters.TakeFilters([state, state]);
        filters.Encrypt([Number.Value], keys);
        Assert.NotNull(filters.FilterOf(0));

        _cipher.Use(_cipher.KeyChecks[1]);
        filters.Encrypt([Number.Value], keys);
        Assert.Null(filters.FilterOf(0));
        Assert.Null(filters.FilterOf(1));
    }

    // Rotates the key when the age of a filter is compared: after the number was encrypted, before the filter is used.
    private sealed class Rotation(NumberCipher cipher) : TimeProvider
    {
        internal bool IsDue { get; set; }

        public override long TimestampFrequency
        {
            get
            {
                if (IsDue)
                {
                    cipher.Use(cipher.KeyChecks[1]);
                }

                return System.TimestampFrequency;
            }
        }
    }
}
