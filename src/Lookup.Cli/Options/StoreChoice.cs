using System.CommandLine;

namespace Lookup.Cli.Options;

/// <summary>Options that select a store: an embedded one (--data) or a redis server (--redis), and its encryption key.</summary>
internal sealed class StoreChoice
{
    public const string RedisVariable = "LOOKUP_REDIS";

    private readonly Option<string?> _data = new("--data") { Description = "Folder of an embedded store.", HelpName = "FOLDER" };

    private readonly Option<string?> _redis = new("--redis")
    {
        Description = "Connection string of a redis store, for example 127.0.0.1:6379; 'env' reads it from the environment variable " + RedisVariable + ", which hides a password from other users.",
        HelpName = "CONNECTION",
    };

    private readonly Option<string?> _keyFile = new("--key-file")
    {
        Description = "File with the encryption key of a redis store; default: the environment variable LOOKUP_NUMBER_KEY. An embedded store has its own.",
        HelpName = "PATH",
    };

    private readonly Option<int> _waitReplicas = new("--wait-replicas")
    {
        Description = "Replicas that must confirm a write to a redis store before it is acknowledged, 0 to 16; default: 0. With 0, a failover may lose acknowledged writes.",
        HelpName = "N",
    };

    public StoreChoice(Command command)
    {
        command.Options.Add(_data);
        command.Options.Add(_redis);
        command.Options.Add(_keyFile);
        command.Options.Add(_waitReplicas);
    }

    /// <summary>Whether neither --data nor --redis is set.</summary>
    public bool IsEmpty(ParseResult parsed) => parsed.GetValue(_data) is null && parsed.GetValue(_redis) is null;

    /// <summary>Whether none of --data, --redis and --key-file is set.</summary>
    public bool IsUnset(ParseResult parsed) => IsEmpty(parsed) && parsed.GetValue(_keyFile) is null;

    /// <summary>Returns the selected store, or the one in <paramref name="defaultFolder"/>, if not null.</summary>
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
                throw CliException.Usage("--wait-replicas requires --redis: an embedded store has no replicas.");
            }

            return keyFile is null
                ? new StoreSettings(Path.GetFullPath(data), null, null)
                : throw CliException.Usage("--key-file requires --redis: an embedded store has its key in its folder.");
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

/// <summary>A store: a folder, or a redis server and the file with its encryption key.</summary>
internal sealed record StoreSettings(string? Folder, string? Redis, string? KeyFile)
{
    /// <summary>Replicas that must confirm a write before it is acknowledged.</summary>
    public int WaitReplicas { get; init; }

    /// <summary>Create a new store if the folder has none.</summary>
    public bool Create { get; init; }

    /// <summary>Timeout of a read in milliseconds. Longer than in the service, since no call depends on it.</summary>
    public int ReadLimitMs { get; init; } = 5_000;
}
