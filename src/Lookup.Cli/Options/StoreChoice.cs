using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>Which store is meant: an embedded one in a folder (--data) or a redis server (--redis), and the number key.</summary>
internal sealed class StoreChoice
{
    public const string RedisVariable = "LOOKUP_REDIS";

    private readonly Option<string?> _data = new("--data") { Description = "Folder of an embedded store.", HelpName = "FOLDER" };

    private readonly Option<string?> _redis = new("--redis")
    {
        Description = "A redis server, for example 127.0.0.1:6379; 'env' takes it from the environment variable " + RedisVariable + ", where a password is not seen by others.",
        HelpName = "CONNECTION",
    };

    private readonly Option<string?> _keyFile = new("--key-file")
    {
        Description = "File with the number key of a redis store; else the environment variable LOOKUP_NUMBER_KEY. An embedded store keeps its own.",
        HelpName = "PATH",
    };

    private readonly Option<int> _waitReplicas = new("--wait-replicas")
    {
        Description = "Replicas that must have a write to a redis store before it is acknowledged, 0 to 16. Without one, a failover may lose what was acknowledged.",
        HelpName = "N",
    };

    public StoreChoice(Command command)
    {
        command.Options.Add(_data);
        command.Options.Add(_redis);
        command.Options.Add(_keyFile);
        command.Options.Add(_waitReplicas);
    }

    /// <summary>Neither a folder nor a server is named.</summary>
    public bool IsEmpty(ParseResult parsed) => parsed.GetValue(_data) is null && parsed.GetValue(_redis) is null;

    /// <summary>Nothing at all is said about a store.</summary>
    public bool IsUnset(ParseResult parsed) => IsEmpty(parsed) && parsed.GetValue(_keyFile) is null;

    /// <summary>The store that is named; <paramref name="defaultFolder"/> where none is, if there is such a default.</summary>
    public StoreSettings Get(ParseResult parsed, string? defaultFolder)
    {
        var data = parsed.GetValue(_data);
        var redis = parsed.GetValue(_redis);
        var keyFile = parsed.GetValue(_keyFile);
        var waitReplicas = parsed.GetValue(_waitReplicas);
        if (data is not null && redis is not null)
        {
            throw CliException.Usage("--data and --redis exclude each other: drop one.");
        }

        if (redis is null)
        {
            data ??= defaultFolder ?? throw CliException.Usage("Name a store: --data FOLDER or --redis CONNECTION.");
            if (waitReplicas != 0)
            {
                throw CliException.Usage("--wait-replicas is for --redis: an embedded store has no replicas.");
            }

            return keyFile is null
                ? new StoreSettings(Path.GetFullPath(data), null, null)
                : throw CliException.Usage("--key-file is for --redis: an embedded store keeps its key in its folder.");
        }

        if (redis == "env")
        {
            redis = Environment.GetEnvironmentVariable(RedisVariable);
            if (string.IsNullOrWhiteSpace(redis))
            {
                throw CliException.Usage($"--redis env: the environment variable {RedisVariable} is not set.");
            }
        }

        return new StoreSettings(null, redis, keyFile) { WaitReplicas = waitReplicas };
    }
}

/// <summary>A store: a folder, or a redis server and where its key is.</summary>
internal sealed record StoreSettings(string? Folder, string? Redis, string? KeyFile)
{
    /// <summary>Replicas that must have a write before it is acknowledged.</summary>
    public int WaitReplicas { get; init; }

    /// <summary>Sets up a new store where the folder has none.</summary>
    public bool Create { get; init; }

    /// <summary>Longest wait for a read in milliseconds. A command is patient: nobody dials while it waits.</summary>
    public int ReadLimitMs { get; init; } = 5_000;
}
