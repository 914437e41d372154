using Lookup.Cli.Gates;

namespace Lookup.Cli.Agi;

/// <summary>
/// One request of a dialplan: the number and the question. Anything that could be read in two ways is a fault: the dialplan calls what
/// it means, and the check must be about that.
/// </summary>
internal sealed class AgiRequest
{
    private const int MaxLines = 256;
    private const string Script = "check";
    private const string NumberField = "number";

    // The most explicit first.
    private static readonly string[] NumberVariables = ["agi_arg_1", "agi_extension", "agi_dnid"];

    private AgiRequest(string fault)
    {
        Fault = fault;
    }

    /// <summary>What is wrong; empty: <see cref="Number"/> and <see cref="Fields"/> can be used.</summary>
    public string Fault { get; private set; }

    public string Number { get; private set; } = "";

    public QuestionFields Fields { get; } = new();

    /// <summary>Reads the variables of a call up to the empty line.</summary>
    /// <exception cref="AgiFault">The connection ended, or a line is too long.</exception>
    public static async Task<AgiRequest> ReadAsync(AgiLines lines, CancellationToken ct)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        var fault = "";
        for (var count = 0; await lines.ReadAsync(ct) is { Length: > 0 } line; count++)
        {
            if (count == MaxLines)
            {
                throw new AgiFault($"The request has more than {MaxLines} lines.");
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
            {
                fault = "A line of the request is not NAME: VALUE.";
            }
            else if (!variables.TryAdd(line[..colon], line[(colon + 1)..].TrimStart(' ')))
            {
                fault = "Two lines of the request have the same name.";
            }
        }

        return fault.Length > 0 ? new AgiRequest(fault) : From(variables);
    }

    /// <summary>Reads a request from the variables of a call.</summary>
    public static AgiRequest From(IReadOnlyDictionary<string, string> variables)
    {
        if (!variables.TryGetValue("agi_request", out var url) || url.Length == 0)
        {
            return new AgiRequest("agi_request is missing.");
        }

        var rest = url.StartsWith("agi://", StringComparison.OrdinalIgnoreCase) ? url["agi://".Length..] : url;
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var path = slash < 0 ? "" : rest[(slash + 1)..];
        var mark = path.IndexOf('?', StringComparison.Ordinal);
        if ((mark < 0 ? path : path[..mark]) != Script)
        {
            return new AgiRequest("The path is not 'check'; write agi://HOST/check?org=NAME&purpose=PURPOSE.");
        }

        var request = new AgiRequest("");
        var number = default(string);
        foreach (var pair in mark < 0 ? [] : path[(mark + 1)..].Split('&'))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? "" : Uri.UnescapeDataString(pair[(equals + 1)..]);
            if (name == NumberField && number is null)
            {
                number = value;
            }
            else if (!request.Fields.TrySet(name, value, out var fault))
            {
                return new AgiRequest(fault);
            }
        }

        // An argument that is there but empty is the number: a variable of the dialplan is empty, and the extension is another number.
        number ??= NumberVariables.Select(name => variables.GetValueOrDefault(name)).FirstOrDefault(text => text is not null);
        request.Number = number ?? "";
        request.Fault = request.Number.Length == 0 ? "The number is empty." : request.Fields.Fault();
        return request;
    }
}
