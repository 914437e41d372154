using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Lookup.Load.Processes;

/// <summary>
/// A MariaDB server of our own on a socket in a temporary folder, with a table of blocked numbers as VICIdial keeps
/// it: vicidial_dnc, the number as text its primary key.
/// </summary>
internal sealed class MariaDb : IAsyncDisposable
{
    private const string Database = "asterisk";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly ChildProcess _process;

    private MariaDb(string folder)
    {
        _folder = folder;
        // The whole table in memory, no log of every write, no privileges to look at: nothing slows a SELECT down.
        _process = new ChildProcess(
            Server,
            [
                "--no-defaults", $"--datadir={Data(folder)}", $"--socket={Socket}", "--skip-networking", "--skip-grant-tables", "--local-infile=1",
                "--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2", $"--user={Environment.UserName}",
            ]);
    }

    // Debian keeps it where only root looks.
    private static string Server => File.Exists("/usr/sbin/mariadbd") ? "/usr/sbin/mariadbd" : "mariadbd";

    private string Socket => Path.Combine(_folder, "s");

    /// <summary>Starts an empty server and waits until it answers.</summary>
    internal static async Task<MariaDb> StartAsync(CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("lookup-load-").FullName;
        MariaDb? server = null;
        try
        {
            (await Tool.RunAsync(
                "mariadb-install-db",
                ["--no-defaults", $"--datadir={Data(folder)}", "--skip-test-db", "--skip-name-resolve", $"--user={Environment.UserName}"],
                ct)).MustSucceed("mariadb-install-db");
            server = new MariaDb(folder);
            var clock = Stopwatch.StartNew();
            while (await server.ClientAsync(["-e", $"CREATE DATABASE {Database}"], null, ct) is { ExitCode: not 0 } failed)
            {
                if (server._process.HasExited || clock.Elapsed > StartLimit)
                {
                    throw new InvalidOperationException($"mariadbd does not answer: {failed.Error} {server._process.Errors}");
                }

                await Task.Delay(100, ct);
            }

            return server;
        }
        catch
        {
            if (server is null)
            {
                Directory.Delete(folder, recursive: true);
            }
            else
            {
                await server.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Makes the table and fills it from a file of numbers, one a line.</summary>
    internal async Task LoadAsync(string file, CancellationToken ct) => (await ClientAsync(
        [
            Database, "-e",
            "CREATE TABLE vicidial_dnc (phone_number varchar(18) PRIMARY KEY); "
                + $"LOAD DATA LOCAL INFILE '{file}' INTO TABLE vicidial_dnc; ANALYZE TABLE vicidial_dnc;",
        ],
        null,
        ct)).MustSucceed("Filling the table");

    /// <summary>
    /// Asks for numbers one by one, as VICIdial does before a call. Returns how many were found, and the time without
    /// that of starting the client.
    /// </summary>
    internal async Task<(int Found, TimeSpan Time)> CountEachAsync(IEnumerable<string> numbers, CancellationToken ct)
    {
        var file = Path.Combine(_folder, "statements.sql");
        await File.WriteAllTextAsync(file, "", ct);
        var start = (await ClientAsync([Database], file, ct)).MustSucceed("mariadb").Elapsed;
        var statements = new StringBuilder();
        var asked = 0;
        foreach (var number in numbers)
        {
            statements.Append(CultureInfo.InvariantCulture, $"SELECT count(*) FROM vicidial_dnc where phone_number='{number}';\n");
            asked++;
        }

        await File.WriteAllTextAsync(file, statements.ToString(), ct);
        var result = (await ClientAsync([Database], file, ct)).MustSucceed("mariadb");
        var counts = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (counts.Length != asked)
        {
            throw new InvalidOperationException($"{asked} numbers were asked for and {counts.Length} answers came.");
        }

        return (counts.Count(count => count == "1"), result.Elapsed - start);
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static string Data(string folder) => Path.Combine(folder, "data");

    private Task<ToolResult> ClientAsync(IEnumerable<string> arguments, string? statements, CancellationToken ct) =>
        Tool.RunAsync("mariadb", ["--no-defaults", $"--socket={Socket}", "--local-infile=1", "--batch", "--skip-column-names", .. arguments], ct, statements);
}
