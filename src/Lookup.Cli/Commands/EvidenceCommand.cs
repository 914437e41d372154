using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Core.Numbers;
using Lookup.Redis.Maintenance;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup evidence: compares files of evidence with the hashes on record.</summary>
internal sealed class EvidenceCommand : Command
{
    public EvidenceCommand(Shell shell)
        : base("evidence", "Checks the evidence of consents.") =>
        Subcommands.Add(new Verify(shell));

    private sealed class Verify : CliCommand
    {
        // A folder of more files is compared in parts, each with one pass over the store.
        private const int MaxFiles = 100_000;

        private readonly Argument<string[]> _files = new("FILE")
        {
            Description = "Files of evidence, such as recordings and PDFs, or folders of them.",
            Arity = ArgumentArity.OneOrMore,
        };

        private readonly StoreChoice _store;

        public Verify(Shell shell)
            : base(
                shell,
                "verify",
                "Compares files of evidence with the SHA-256 recorded in the consents that name them by path, file name, or file name without extension.",
                "lookup evidence verify recordings/rec-4711.wav --data ./lookup-data",
                "lookup evidence verify recordings --redis 127.0.0.1:6379 --key-file number.key --json")
        {
            ExitCodeHelp = "0 every file is the recorded one, 1 error, 2 usage, 3 a file is missing or no consent has its hash, 8 a file differs.";
            Arguments.Add(_files);
            _store = new StoreChoice(this);
        }

        private enum State
        {
            Same,
            WithoutHash,
            NotRecorded,
            Missing,
            Different,
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var settings = _store.Get(parsed, defaultFolder: null);
            var counts = new long[Enum.GetValues<State>().Length];
            await using var store = await OpenStore.OpenAsync(settings, Shell.Clock, ct);
            foreach (var paths in Paths(parsed.GetRequiredValue(_files)).Chunk(MaxFiles))
            {
                foreach (var file in await CompareAsync(store, paths, ct))
                {
                    var state = file.Worst;
                    counts[(int)state]++;
                    Report(parsed, store, file, state);
                }
            }

            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject { ["counts"] = new JsonObject(Enum.GetValues<State>().Select(state => KeyValuePair.Create(Word(state), (JsonNode?)counts[(int)state]))) }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.Console.MarkupLine($"{counts.Sum():N0} files: {string.Join(", ", Enum.GetValues<State>().Where(state => counts[(int)state] > 0).Select(state => $"{counts[(int)state]:N0} {Words(state)}"))}.");
            }

            return counts[(int)State.Different] > 0 ? ExitCodes.Different
                : counts.Sum() > counts[(int)State.Same] || counts.Sum() == 0 ? ExitCodes.Rejected
                : ExitCodes.Ok;
        }

        private static string Word(State state) => state switch
        {
            State.Same => "same",
            State.WithoutHash => "without_hash",
            State.NotRecorded => "not_recorded",
            State.Missing => "missing",
            _ => "different",
        };

        private static string Words(State state) => state switch
        {
            State.Same => "as recorded",
            State.WithoutHash => "named by consents without a hash",
            State.NotRecorded => "named by no consent",
            State.Missing => "missing",
            _ => "different from the recorded hash",
        };

        private static IEnumerable<string> Paths(string[] named)
        {
            foreach (var path in named)
            {
                if (!Directory.Exists(path))
                {
                    yield return path;
                    continue;
                }

                foreach (var file in Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true }))
                {
                    yield return file;
                }
            }
        }

        private static async Task<IReadOnlyList<EvidenceFile>> CompareAsync(OpenStore store, string[] paths, CancellationToken ct)
        {
            var byName = new Dictionary<string, List<EvidenceFile>>(StringComparer.Ordinal);
            var files = new List<EvidenceFile>(paths.Length);
            foreach (var path in paths)
            {
                var file = new EvidenceFile(path);
                files.Add(file);
                foreach (var name in new[] { Path.GetFileName(path), Path.GetFileNameWithoutExtension(path) }.Distinct())
                {
                    if (!byName.TryGetValue(name, out var same))
                    {
                        byName[name] = same = [];
                    }

                    same.Add(file);
                }
            }

            await store.Store.Maintenance.VisitEvidenceAsync(
                one =>
                {
                    var parts = one.Evidence.Reference.Split('/', '\\');
                    foreach (var file in Closest(byName.GetValueOrDefault(parts[^1], []), parts))
                    {
                        file.Add(one);
                    }
                },
                _ => { },
                ct);
            await Task.Run(
                () =>
                {
                    foreach (var file in files)
                    {
                        ct.ThrowIfCancellationRequested();
                        file.Compare();
                    }
                },
                ct);
            return files;
        }

        // Of files with the same name in several folders, those whose folders fit the reference best.
        private static IEnumerable<EvidenceFile> Closest(List<EvidenceFile> files, string[] parts)
        {
            if (files.Count < 2)
            {
                return files;
            }

            var best = files.Max(file => Common(file.Path));
            return files.Where(file => Common(file.Path) == best);

            int Common(string path)
            {
                var folders = path.Split('/', '\\');
                var common = 1;
                while (common < parts.Length && common < folders.Length && parts[^(common + 1)] == folders[^(common + 1)])
                {
                    common++;
                }

                return common;
            }
        }

        private void Report(ParseResult parsed, OpenStore store, EvidenceFile file, State state)
        {
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["file"] = file.Path,
                    ["result"] = Word(state),
                    ["sha256"] = file.Sha256,
                    ["consents"] = file.Consents,
                    ["recorded_sha256"] = state == State.Different ? file.Other!.Value.Evidence.Sha256.ToLowerInvariant() : null,
                    ["number"] = state == State.Different ? Number(store, file.Other!.Value.Key) : null,
                }.ToJsonString(JsonText.Options));
                return;
            }

            switch (state)
            {
                case State.Same:
                    break;
                case State.Different:
                    var other = file.Other!.Value;
                    Shell.Console.MarkupLine(
                        $"[red]different[/]  {SafeText.Escape(file.Path)}: its SHA-256 is {file.Sha256}, but the consent of {Number(store, other.Key)} captured {DateTimeOffset.FromUnixTimeMilliseconds(other.Consent.Effective).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)} has {SafeText.Escape(other.Evidence.Sha256.ToLowerInvariant())}.");
                    break;
                case State.Missing:
                    Shell.Console.MarkupLine($"[red]missing[/]  {SafeText.Escape(file.Path)}: {SafeText.Escape(file.Fault)}");
                    break;
                case State.WithoutHash:
                    Shell.Console.MarkupLine($"[yellow]no hash[/]  {SafeText.Escape(file.Path)}: {file.Consents:N0} consents name it, without a hash. Record them again with evidence_sha256 {file.Sha256}.");
                    break;
                default:
                    Shell.Console.MarkupLine($"[yellow]not recorded[/]  {SafeText.Escape(file.Path)}: no consent names it as its evidence.");
                    break;
            }
        }

        private static string Number(OpenStore store, NumberPseudonym key) => store.Cipher.Decrypt(key).ToString();

        private sealed class EvidenceFile(string path)
        {
            private readonly Dictionary<string, StoredEvidence> _hashes = new(StringComparer.OrdinalIgnoreCase);

            public string Path => path;

            /// <summary>SHA-256 of the file; null if it could not be read.</summary>
            public string? Sha256 { get; private set; }

            /// <summary>Why it could not be read.</summary>
            public string Fault { get; private set; } = "";

            /// <summary>Consents that name the file, for each of their purposes.</summary>
            public long Consents { get; private set; }

            /// <summary>A consent with another hash; null for none.</summary>
            public StoredEvidence? Other { get; private set; }

            public State Worst =>
                Sha256 is null ? State.Missing
                : Other is not null ? State.Different
                : _hashes.Count > 0 ? State.Same
                : Consents > 0 ? State.WithoutHash
                : State.NotRecorded;

            public void Add(StoredEvidence evidence)
            {
                Consents++;
                if (evidence.Evidence.Sha256.Length > 0)
                {
                    _hashes.TryAdd(evidence.Evidence.Sha256, evidence);
                }
            }

            public void Compare()
            {
                try
                {
                    using var file = File.OpenRead(path);
                    Sha256 = Convert.ToHexStringLower(SHA256.HashData(file));
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    Fault = exception.Message;
                    return;
                }

                foreach (var (hash, evidence) in _hashes)
                {
                    if (!hash.Equals(Sha256, StringComparison.OrdinalIgnoreCase))
                    {
                        Other = evidence;
                    }
                }
            }
        }
    }
}
