using System.CommandLine;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Numbers;
using Lookup.Server.Receipts;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>Options for the receipts that calls are compared with.</summary>
internal sealed class ReceiptOptions
{
    private const double MaxWindow = 86_400;
    private const double MaxSkew = 60;
    private const int MaxBoundMs = 60_000;

    private readonly Option<string[]> _folders = new("--receipts")
    {
        Description = "Folder with the receipts of an instance; also finds calls that were not checked, or dialled against the answer. Repeatable.",
        HelpName = "FOLDER",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _publicKey = new("--public-key")
    {
        Description = "PEM file with the public key; verifies the receipts first, as 'lookup receipt audit' does.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _keyFile = new("--key-file")
    {
        Description = "File with the encryption key, for --receipts; default: the environment variable LOOKUP_NUMBER_KEY.",
        HelpName = "PATH",
    };

    private readonly Option<double> _window = new("--check-window")
    {
        Description = $"Seconds before a call in which an answer is its check, 0 to {MaxWindow}.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 3_600,
    };

    private readonly Option<double> _skew = new("--clock-skew")
    {
        Description = $"Seconds by which the clocks of dialer and service may differ, 0 to {MaxSkew}.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<int> _bound = new("--freshness-bound")
    {
        Description = $"FreshnessBoundMs of the service when it answered, 0 to {MaxBoundMs}: how long an answer may be reused.",
        HelpName = "MS",
        DefaultValueFactory = _ => new Server.LookupServerOptions().FreshnessBoundMs,
    };

    public IReadOnlyList<Option> All => [_folders, _publicKey, _keyFile, _window, _skew, _bound];

    /// <summary>Returns a text that differs if receipts are matched differently.</summary>
    public string Describe(ParseResult parsed) => $"{string.Join('|', parsed.GetRequiredValue(_folders))} {Matching(parsed)}";

    /// <summary>Reads the receipts; null without --receipts.</summary>
    /// <exception cref="CliException">A folder is missing, or there are no receipts.</exception>
    /// <exception cref="Core.Receipts.ReceiptException">A receipt cannot be read, or the log is not intact.</exception>
    public async Task<ReceiptIndex?> ReadAsync(ParseResult parsed, Shell shell, Question question, CancellationToken ct)
    {
        var matching = Matching(parsed);
        var paths = parsed.GetRequiredValue(_folders);
        if (paths.Length == 0)
        {
            return parsed.GetValue(_publicKey) is null ? null : throw CliException.Usage("--public-key verifies receipts: name their folder with --receipts.");
        }

        if (Array.Find(paths, path => !Directory.Exists(path)) is { } missing)
        {
            throw new CliException($"Folder '{missing}' does not exist.");
        }

        var folders = paths.Select(path => new ReceiptFolder(path)).ToList();
        using var publicKey = parsed.GetValue(_publicKey) is { } file ? ReceiptKeyFile.LoadPublic(file) : null;
        var index = new ReceiptIndex(question, new NumberCipher(OpenStore.Keys(parsed.GetValue(_keyFile))), matching) { IsVerified = publicKey is not null };
        var total = (double)Math.Max(folders.Sum(folder => (long)(folder.NewestHead()?.TreeSize ?? 0)), 1) * (publicKey is null ? 1 : 2);
        await WorkBar.RunAsync(shell, "reading receipts", share => Task.Run(
            () =>
            {
                var before = 0UL;
                foreach (var folder in folders)
                {
                    var proven = ulong.MaxValue;
                    if (publicKey is not null)
                    {
                        proven = ReceiptAudit.RunProven(folder, publicKey, [], done => share(Math.Min(1, (before + done) / total)), ct).Receipts;
                        before += proven;
                    }

                    index.Add(folder, proven, done => share(Math.Min(1, (before + done) / total)), ct);
                    before += folder.NewestHead()?.TreeSize ?? 0;
                }

                index.Complete();
                return index;
            },
            ct));
        return index.First == long.MaxValue
            ? throw new CliException($"There are no receipts in {string.Join(", ", paths)}: name the folder of 'lookup serve --receipts'.")
            : index;
    }

    private ReceiptMatching Matching(ParseResult parsed) => new(
        (long)(1_000 * parsed.GetWithin(_window, 0, MaxWindow, "seconds")),
        (long)(1_000 * parsed.GetWithin(_skew, 0, MaxSkew, "seconds")),
        parsed.GetWithin(_bound, 0, MaxBoundMs, "ms"));
}
