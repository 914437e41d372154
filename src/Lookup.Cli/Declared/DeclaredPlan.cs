using Google.Protobuf;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Declared;

/// <summary>What separates a service from a file.</summary>
/// <param name="Changes">In the order in which to make them: a removed grant comes last.</param>
/// <param name="Equal">Records and grants that are as declared.</param>
/// <param name="Undeclared">What the service has, the file does not, and no change removes.</param>
internal sealed record DeclaredPlan(IReadOnlyList<DeclaredChange> Changes, int Equal, IReadOnlyList<string> Undeclared)
{
    /// <summary>Compares a file with a service.</summary>
    /// <param name="prunes">Whether grants that the file does not declare are removed.</param>
    /// <exception cref="CliException">A grant names a credential that does not exist.</exception>
    public static async Task<DeclaredPlan> MakeAsync(DeclaredFile file, LookupClient client, bool prunes, CancellationToken ct)
    {
        var changes = new List<DeclaredChange>();
        var undeclared = new List<string>();
        var organisations = (await client.ListOrganisationsAsync(new ListOrganisationsRequest(), ct)).Organisations;
        var equal = Compare([.. organisations.Select(DeclaredFile.Normalise)], file.Organisations, one => one.Name, changes, out var others);
        undeclared.AddRange(others.Select(one => $"organisation {one.Name}"));
        if (file.Grants is { } grants)
        {
            var credentials = (await client.ListCredentialsAsync(new ListCredentialsRequest(), ct)).Credentials.Select(one => one.CredentialId).ToHashSet();
            if (grants.FirstOrDefault(grant => !credentials.Contains(grant.CredentialId)) is { } wrong)
            {
                throw new CliException($"No credential has the id '{wrong.CredentialId}'; create it with 'lookup key create {wrong.CredentialId} --role ROLE', which shows its key.");
            }

            var known = (await client.ListGrantsAsync(new ListGrantsRequest(), ct)).Grants;
            equal += Compare(known, grants, one => (one.CredentialId, one.Organisation), changes, out var more);
            if (prunes)
            {
                changes.AddRange(more.Select(grant => new DeclaredChange(grant, null)));
            }
            else
            {
                undeclared.AddRange(more.Select(grant => $"grant {grant.CredentialId} {grant.Organisation}"));
            }
        }

        return new DeclaredPlan(changes, equal, undeclared);
    }

    private static int Compare<T, TKey>(
        IReadOnlyList<T> known, IReadOnlyList<T> declared, Func<T, TKey> key, List<DeclaredChange> changes, out IReadOnlyList<T> others)
        where T : class, IMessage<T>
        where TKey : notnull
    {
        var byKey = known.ToDictionary(key);
        var equal = 0;
        foreach (var after in declared)
        {
            byKey.Remove(key(after), out var before);
            if (after.Equals(before))
            {
                equal++;
            }
            else
            {
                changes.Add(new DeclaredChange(before, after));
            }
        }

        others = [.. known.Where(one => byKey.ContainsKey(key(one)))];
        return equal;
    }
}
