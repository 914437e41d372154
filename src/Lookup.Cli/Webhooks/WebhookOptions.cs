using System.CommandLine;
using Lookup.Cli.Options;

namespace Lookup.Cli.Webhooks;

/// <summary>What a watch pushes to.</summary>
/// <param name="Url">The receiver.</param>
/// <param name="Signer">Signs with the secrets.</param>
/// <param name="Position">Path of the position file.</param>
/// <param name="InFlight">Changes pushed at a time.</param>
internal sealed record WebhookChoice(Uri Url, WebhookSigner Signer, string Position, int InFlight);

/// <summary>Options to push changes: --webhook, --secret-file, --position and --in-flight.</summary>
internal sealed class WebhookOptions
{
    private const string Variable = "LOOKUP_WEBHOOK_SECRET";

    private readonly Option<string?> _url = new("--webhook")
    {
        Description = "Push each change to this address by POST, signed as Standard Webhooks defines; https, or http to this machine. --timeout limits each answer.",
        HelpName = "URL",
    };

    private readonly Option<string?> _secret = new("--secret-file")
    {
        Description = $"File with the secret that signs webhooks (whsec_...), or two while a receiver changes it; default: the environment variable {Variable}.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _position = new("--position")
    {
        Description = "File that stores which changes the receiver has accepted. A new one starts now; an existing one resumes.",
        HelpName = "FILE",
    };

    private readonly Option<int> _inFlight = new("--in-flight")
    {
        Description = "Changes pushed at a time, each of another number, 1 to 256.",
        HelpName = "N",
        DefaultValueFactory = _ => 8,
    };

    public WebhookOptions(Command command)
    {
        foreach (var option in (Option[])[_url, _secret, _position, _inFlight])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Reads the options; null without --webhook.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="others">Options that --webhook excludes.</param>
    public WebhookChoice? Read(ParseResult parsed, params ReadOnlySpan<Option> others)
    {
        if (parsed.GetValue(_url) is not { } text)
        {
            return FirstSet(parsed, [_secret, _position, _inFlight]) is { } alone ? throw CliException.Usage($"{alone} requires --webhook.") : null;
        }

        if (FirstSet(parsed, others) is { } other)
        {
            throw CliException.Usage($"{other} cannot be combined with --webhook.");
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps) || url.UserInfo.Length > 0 || url.Fragment.Length > 0)
        {
            throw CliException.Usage("--webhook is not an http:// or https:// address without user name and fragment; write it like https://dialer.example/lookup.");
        }

        if (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback)
        {
            throw CliException.Usage($"--webhook {WebhookSender.Describe(url)} is plain text to another machine, and changes have numbers; use https://.");
        }

        return new WebhookChoice(
            url,
            ReadSecret(parsed.GetValue(_secret)),
            parsed.GetValue(_position) ?? throw CliException.Usage("--webhook requires --position FILE, which stores what the receiver has accepted."),
            parsed.GetWithin(_inFlight, 1, 256));
    }

    private static string? FirstSet(ParseResult parsed, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
        {
            if (parsed.GetResult(option) is { Implicit: false })
            {
                return option.Name;
            }
        }

        return null;
    }

    private static WebhookSigner ReadSecret(string? path)
    {
        if (path is null)
        {
            return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
                ? WebhookSigner.Parse(text, Variable)
                : throw CliException.Usage($"--webhook requires a secret: name its file with --secret-file, or set {Variable}.");
        }

        try
        {
            return WebhookSigner.Parse(File.ReadAllText(path), $"--secret-file {path}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"--secret-file {path}: {exception.Message}", ExitCodes.Usage, exception);
        }
    }
}
