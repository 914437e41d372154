using Lookup.Core.Access;
using Lookup.Redis.Credentials;

namespace Lookup.StoreTests;

public abstract partial class StoreContract
{
    [Fact]
    public async Task Access_Changed_IsReadAtOnceAndNothingIsOverwrittenUnseen()
    {
        var first = new StoredCredential { Id = "dialer", Kind = CredentialKind.ApiKey, Roles = Roles.Check | Roles.Watch, Expires = 9_000 }
            .WithNewSecret(1_000, 0, out var key);
        Assert.True(await Store.Access.TryPutAsync(first, Token));
        Assert.False(await Store.Access.TryPutAsync(first with { Roles = Roles.Admin }, Token));
        var made = await Store.Registry.ReadAsync(Token);
        var known = Assert.Single(made.Credentials);
        Assert.Equal((first.Id, first.Kind, first.Roles, first.Expires), (known.Id, known.Kind, known.Roles, known.Expires));
        Assert.True(ApiKey.TrySplit(key, out _, out var secret) && ApiKey.Matches(secret, known.Secrets[0].Salt, known.Secrets[0].Hash));

        await Store.Access.PutGrantAsync(new StoredGrant("dialer", "acme", 5, 0), Token);
        await Store.Access.PutGrantAsync(new StoredGrant("dialer", "acme", 5, 7), Token);
        await Store.Access.PutGrantAsync(new StoredGrant("dialer", "*", 0, 0), Token);
        Assert.True(await Store.Access.TryPutAsync(known with { Revoked = 2_000 }, Token));
        Assert.False(await Store.Access.TryPutAsync(known with { Revoked = 0 }, Token));
        var granted = await Store.Registry.ReadAsync(Token);
        Assert.True(granted.Version > made.Version);
        Assert.Equal(2_000, Assert.Single(granted.Credentials).Revoked);
        Assert.Equal([new StoredGrant("dialer", "*", 0, 0), new StoredGrant("dialer", "acme", 5, 7)], granted.Grants.OrderBy(one => one.Organisation));

        await Store.Access.RemoveGrantAsync("dialer", "*", Token);
        await Store.Access.RemoveGrantAsync("dialer", "never", Token);
        Assert.Equal("acme", Assert.Single((await Store.Registry.ReadAsync(Token)).Grants).Organisation);
    }
}
