using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Grpc.Core;
using Lookup.Cli.Hosting;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.Core.Numbers;
using Lookup.Core.Receipts;
using Lookup.Server.Receipts;
using Lookup.V1;
using Spectre.Console;

namespace Lookup.Cli.Commands;

/// <summary>lookup receipt: receipt keys, proofs, and audits of a whole log.</summary>
internal sealed class ReceiptCommand : Command
{
    private const int SigningAttempts = 5;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    public ReceiptCommand(Shell shell)
        : base("receipt", "Manages receipts: proves past answers with the public key alone.")
    {
        Subcommands.Add(new Key(shell));
        Subcommands.Add(new Get(shell));
        Subcommands.Add(new Head(shell));
        Subcommands.Add(new Verify(shell));
        Subcommands.Add(new Audit(shell));
    }

    private static Option<string> PublicKey() => new("--public-key")
    {
        Description = "PEM file with the public key.",
        HelpName = "FILE",
        Required = true,
    };

    private static Option<string?> Out() => new("--out") { Description = "File to write; default: standard output.", HelpName = "FILE" };

    private sealed class Key : CliCommand
    {
        private readonly Argument<string> _file = new("FILE") { Description = "File for the private key; the public key is written to FILE.pub." };

        public Key(Shell shell)
            : base(shell, "key", "Creates the ECDSA P-256 key pair that signs receipts. Give the public key to those who verify them.", "lookup receipt key receipt.key") =>
            Arguments.Add(_file);

        protected override Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var path = parsed.GetRequiredValue(_file);
            var publicPath = ReceiptKeyFile.Create(path);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject { ["private"] = path, ["public"] = publicPath }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.Console.MarkupLine($"[green]created[/]  {SafeText.Escape(path)} (keep it secret) and {SafeText.Escape(publicPath)} (public). Next: lookup serve --receipts FOLDER --receipt-key {SafeText.Escape(path)}");
            }

            return Task.FromResult(ExitCodes.Ok);
        }
    }

    private sealed class Get : CliCommand
    {
        private readonly Argument<string> _id = new("ID") { Description = "Id of the receipt, from the answer." };
        private readonly Option<string?> _out = Out();
        private readonly ConnectionOptions _connection;

        public Get(Shell shell)
            : base(shell, "get", "Downloads the proof of a receipt from the instance that answered; waits until it is signed, at most five seconds.", "lookup receipt get 5f0c2b9a41d7e8836b1f0a92c4d5e6f7-1234 --out call.proof")
        {
            Arguments.Add(_id);
            Options.Add(_out);
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            using var client = _connection.Connect(parsed);
            var response = await SignedAsync(client, new GetReceiptProofRequest { Id = parsed.GetRequiredValue(_id) }, ct);
            if (parsed.GetValue(_out) is { } path)
            {
                await File.WriteAllTextAsync(path, response.Proof, ct);
                if (!IsJson(parsed))
                {
                    Shell.Console.MarkupLine($"[green]wrote[/]  {SafeText.Escape(path)}");
                }
            }
            else
            {
                Shell.Output.Write(response.Proof);
            }

            return ExitCodes.Ok;
        }
    }

    // The service signs once a second, and answers UNAVAILABLE until it has signed the receipt.
    private static async Task<GetReceiptProofResponse> SignedAsync(LookupClient client, GetReceiptProofRequest request, CancellationToken ct)
    {
        for (var left = SigningAttempts; ; left--)
        {
            try
            {
                return await client.GetReceiptProofAsync(request, ct);
            }
            catch (LookupException e) when (left > 1 && e is { Status: StatusCode.Unavailable, RetryAfter: { } pause } && pause <= LongestPause)
            {
                await Task.Delay(pause, ct);
            }
        }
    }

    private sealed class Head : CliCommand
    {
        private readonly Option<string> _out = new("--out") { Description = "File to write, 132 bytes.", HelpName = "FILE", Required = true };
        private readonly ConnectionOptions _connection;

        public Head(Shell shell)
            : base(shell, "head", "Downloads the newest signed head of an instance's receipts; stored elsewhere, it makes truncation detectable.", "lookup receipt head --out heads/2026-11-24.head")
        {
            Options.Add(_out);
            _connection = new ConnectionOptions(this);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            using var client = _connection.Connect(parsed);
            var head = SignedHead.Read((await client.GetSignedHeadAsync(new GetSignedHeadRequest(), ct)).Head.Span);
            await File.WriteAllBytesAsync(parsed.GetRequiredValue(_out), head.Bytes.ToArray(), ct);
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["log"] = Convert.ToHexStringLower(head.LogId),
                    ["receipts"] = head.TreeSize,
                    ["time"] = ReceiptPrinter.Time(head.Time),
                }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.Console.MarkupLine(string.Create(CultureInfo.InvariantCulture, $"[green]saved[/]  head of {head.TreeSize:N0} receipts, signed at {ReceiptPrinter.Time(head.Time)}"));
            }

            return ExitCodes.Ok;
        }
    }

    private sealed class Verify : CliCommand
    {
        private readonly Argument<string> _file = new("FILE") { Description = "File with the proof; '-' for standard input." };
        private readonly Option<string> _key = PublicKey();
        private readonly Option<string?> _number = new("--number") { Description = "Also check that the receipt is about this number, in international form; requires the encryption key.", HelpName = "NUMBER" };
        private readonly Option<string?> _numberKey = new("--key-file") { Description = "File with the encryption key, for --number; default: the environment variable LOOKUP_NUMBER_KEY.", HelpName = "PATH" };

        public Verify(Shell shell)
            : base(
                shell,
                "verify",
                "Verifies a proof offline: the receipt is unchanged and part of the signed log.",
                "lookup receipt verify call.proof --public-key receipt.key.pub",
                "lookup receipt verify call.proof --public-key receipt.key.pub --number +31612345678 --key-file number.key")
        {
            ExitCodeHelp = "0 the proof is valid, 1 it is not, 2 usage.";
            Arguments.Add(_file);
            Options.Add(_key);
            Options.Add(_number);
            Options.Add(_numberKey);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            var path = parsed.GetRequiredValue(_file);
            using var key = ReceiptKeyFile.LoadPublic(parsed.GetRequiredValue(_key));
            string text;
            if (path == "-")
            {
                using var reader = new StreamReader(Shell.Input);
                text = await reader.ReadToEndAsync(ct);
            }
            else
            {
                text = await File.ReadAllTextAsync(path, ct);
            }

            var proof = ReceiptProof.Read(text);
            var receipt = proof.Verify(key);
            var number = CheckedNumber(parsed, receipt);
            if (IsJson(parsed))
            {
                var json = ReceiptPrinter.Json(receipt);
                json["id"] = $"{Convert.ToHexStringLower(proof.Head.LogId)}-{proof.Index}";
                json["signed"] = ReceiptPrinter.Time(proof.Head.Time);
                json["number"] = number;
                Shell.Output.WriteLine(json.ToJsonString(JsonText.Options));
            }
            else
            {
                var zone = number is null ? NumberZone.OfRegime(receipt.Regime) : NumberZone.Of(number, DateTimeOffset.FromUnixTimeMilliseconds(receipt.Time));
                Shell.Console.MarkupLine($"[bold green]PROVEN[/]  receipt {proof.Index} of log {Convert.ToHexStringLower(proof.Head.LogId)}, signed at {SafeText.Escape(ReceiptPrinter.Time(proof.Head.Time, zone))}");
                if (number is not null)
                {
                    Shell.Console.MarkupLine($"  [grey]number:[/] {number} (the receipt is about this number)");
                }

                ReceiptPrinter.Write(Shell.Console, receipt, zone);
            }

            return ExitCodes.Ok;
        }

        /// <returns>The number of --number, in E.164, if the receipt is about it; null without the option.</returns>
        private string? CheckedNumber(ParseResult parsed, Core.Receipts.Receipt receipt)
        {
            if (parsed.GetValue(_number) is not { } text)
            {
                return null;
            }

            if (!NumberParser.Instance.TryParse(text, null, out var number, out var fault) && !NumberParser.TryParseStored(text, out number))
            {
                throw CliException.Usage($"--number: {fault.Describe()}");
            }

            using var cipher = new NumberCipher(OpenStore.Keys(parsed.GetValue(_numberKey)));
            if (receipt.Kind != ReceiptKind.Check || !cipher.EncryptWithAllKeys(number).Contains(receipt.Number))
            {
                throw new ReceiptException("The proof is valid, but the receipt is about another number, or this is another encryption key.");
            }

            return number.ToString();
        }
    }

    private sealed class Audit : CliCommand
    {
        private readonly Argument<string> _folder = new("FOLDER") { Description = "Folder with the receipts; a service may be writing to it." };
        private readonly Option<string> _key = PublicKey();
        private readonly Option<string[]> _heads = new("--head")
        {
            Description = "Signed head that was stored elsewhere, see 'lookup receipt head'. Repeatable.",
            HelpName = "FILE",
            DefaultValueFactory = _ => [],
        };

        public Audit(Shell shell)
            : base(
                shell,
                "audit",
                "Verifies every receipt of a log against every signed head; detects changed, removed, added and moved receipts.",
                "lookup receipt audit /var/lib/lookup/receipts --public-key receipt.key.pub",
                "lookup receipt audit receipts --public-key receipt.key.pub --head heads/2026-11-24.head")
        {
            ExitCodeHelp = "0 the log is intact, 1 it is not, 2 usage.";
            Arguments.Add(_folder);
            Options.Add(_key);
            Options.Add(_heads);
        }

        protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
        {
            using var key = ReceiptKeyFile.LoadPublic(parsed.GetRequiredValue(_key));
            var path = parsed.GetRequiredValue(_folder);
            if (!Directory.Exists(path))
            {
                throw new CliException($"Folder '{path}' does not exist.");
            }

            SignedHead[] kept = [.. parsed.GetRequiredValue(_heads).Select(file => SignedHead.Read(File.ReadAllBytes(file)))];
            var folder = new ReceiptFolder(path);
            var total = Math.Max(folder.NewestHead()?.TreeSize ?? 0, 1);
            var audit = await WorkBar.RunAsync(
                Shell, "auditing", share => Task.Run(() => ReceiptAudit.RunProven(folder, key, kept, done => share(Math.Min(1, done / (double)total)), ct), ct));
            if (IsJson(parsed))
            {
                Shell.Output.WriteLine(new JsonObject
                {
                    ["receipts"] = audit.Receipts,
                    ["unsigned"] = audit.Unsigned,
                    ["heads"] = audit.Heads,
                    ["kept_heads"] = kept.Length,
                    ["erased"] = audit.Erased,
                    ["first"] = ReceiptPrinter.Time(audit.First),
                    ["last"] = ReceiptPrinter.Time(audit.Last),
                }.ToJsonString(JsonText.Options));
            }
            else
            {
                Shell.Console.MarkupLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"[bold green]INTACT[/]  {audit.Receipts:N0} receipts under {audit.Heads:N0} signed heads, {ReceiptPrinter.Time(audit.First)} to {ReceiptPrinter.Time(audit.Last)}; {audit.Unsigned:N0} not signed yet, {audit.Erased:N0} erased with their numbers"));
                Shell.Console.MarkupLine(kept.Length > 0
                    ? $"  [grey]verified against {kept.Length} head(s) stored elsewhere[/]"
                    : "  [grey]Truncation is detectable only with a signed head that was stored elsewhere: --head[/]");
            }

            return ExitCodes.Ok;
        }
    }
}
