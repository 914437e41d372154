namespace Lookup.Cli.Audit;

/// <summary>The layout of the call records that a dialer writes.</summary>
/// <param name="Name">Its name for --format.</param>
/// <param name="Columns">Names of the columns of a file without a header; empty: the file has one.</param>
/// <param name="Number">Columns that together are the number that was called.</param>
/// <param name="Time">The column with the start of the call.</param>
/// <param name="States">The columns that tell whether a call was placed; none: every line is a placed call.</param>
/// <param name="IsPlaced">Whether the values of those columns leave open that the call was placed.</param>
internal sealed record CallFormat(
    string Name, string[] Columns, string[] Number, string Time, string[] States, Func<string[], bool> IsPlaced)
{
    /// <summary>The formats that --format names. Layouts: the documentation of each product, and files that they wrote.</summary>
    public static IReadOnlyList<CallFormat> All { get; } =
    [
        // A dialplan that refuses a call leaves a line too, without an outgoing channel.
        new(
            "asterisk",
            [
                "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
                "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield",
            ],
            ["dst"], "start", ["dstchannel", "lastapp"],
            values => values[0].Length > 0 || values[1] is "Dial" or "Queue" || values[1].StartsWith("App", StringComparison.Ordinal)),
        new(
            "freeswitch",
            [
                "caller_id_name", "caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp", "end_stamp", "duration",
                "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode", "read_codec", "write_codec",
            ],
            ["destination_number"], "start_stamp", [], _ => true),
        // Stopped by a do-not-call list before the carrier. The status DNC is not among them: an agent sets it after a call.
        new("vicidial", [], ["phone_code", "phone_number"], "call_date", ["status"], values => values[0] is not ("DNCL" or "DNCC" or "DNCCAR")),
    ];

    public static string Names { get; } = string.Join(", ", All.Select(format => format.Name));

    public static CallFormat? Find(string name) => All.FirstOrDefault(format => format.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
