using System.Security.Cryptography;
using Lookup.Core.Numbers;
using Lookup.Redis;
using Lookup.Redis.Topology;

namespace Lookup.StoreTests;

public class KeyRotationStateTests
{
    [Fact]
    public void Follow_AnEarlierStage_IsRefusedOnlyWhereALaterOneWasKnownBeforeItWasRead()
    {
        using var cipher = new NumberCipher([RandomNumberGenerator.GetBytes(NumberCipher.KeySize), RandomNumberGenerator.GetBytes(NumberCipher.KeySize)]);
        var copying = new KeyRotationPhase(1, cipher.KeyChecks[0], cipher.KeyChecks[1]);
        var keys = new KeyRotationState(7, copying with { Number = 0, Next = "" }, cipher, null);
        keys.Advance(copying, known: 0);
        keys.Advance(copying with { Number = 2 }, known: 1);

        // Two read the manifest at a time, and the later answer is looked at first.
        keys.Advance(copying, known: 1);

        Assert.Equal(2, keys.Current.Phase.Number);
        Assert.Throws<StoreUnavailableException>(() => keys.Advance(copying, known: 2));
    }
}
