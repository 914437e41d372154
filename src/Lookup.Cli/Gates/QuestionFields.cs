using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.V1;

namespace Lookup.Cli.Gates;

/// <summary>Reads a question from named texts, such as the query of a FastAGI request. The names are the options of 'lookup check'.</summary>
internal sealed class QuestionFields
{
    /// <summary>The names, for messages.</summary>
    public const string Names =
        "org, purpose, kind, mode, sector, subscriber, group, caller, called-region, line, automated, withheld, requested-at, region";

    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    public Question Question { get; } = new();

    /// <summary>ISO 3166 region for numbers in national form; empty: none.</summary>
    public string Region { get; private set; } = "";

    /// <summary>Sets one field. Each may be set once: of two organisations, the wrong one could permit the call.</summary>
    /// <returns>False if the name or the value is not valid; then <paramref name="fault"/> says why.</returns>
    public bool TrySet(string name, string value, out string fault)
    {
        fault = !_seen.Add(name) ? $"Duplicate field '{name}'." : value.Length == 0 ? $"{name} is empty." : "";
        if (fault.Length > 0)
        {
            return false;
        }

        switch (name)
        {
            case "org":
                return TryName(text => Question.Organisation = text, out fault);
            case "purpose":
                return TryWord(Words.Purposes, word => Question.Purpose = word, out fault);
            case "kind":
                return TryWord(Words.CallKinds, word => Question.Kind = word, out fault);
            case "mode":
                return TryWord(Words.DiallingModes, word => Question.DiallingMode = word, out fault);
            case "sector":
                return TryWord(Words.Sectors, word => Question.Sector = word, out fault);
            case "subscriber":
                return TryWord(Words.SubscriberTypes, word => Question.Subscriber = word, out fault);
            case "line":
                return TryWord(Words.LineTypes, word => Question.LineType = word, out fault);
            case "group":
                return TryName(text => Question.ProductGroup = text, out fault);
            case "caller":
                Question.CallerNumber = value;
                fault = NumberParser.Instance.TryParseCaller(value, out _, out var why) ? "" : $"caller: {why.Describe()}";
                return fault.Length == 0;
            case "called-region":
                Question.CalledRegion = value;
                return true;
            case "automated":
                return TryYes(yes => Question.Automated = yes, out fault);
            case "withheld":
                return TryYes(yes => Question.CallerNumberWithheld = yes, out fault);
            case "requested-at":
                if (TimeText.TryParse(value, null, out var time, out fault))
                {
                    Question.RequestedAt = Timestamp.FromDateTimeOffset(time);
                    return true;
                }

                fault = $"requested-at '{value}' {fault}.";
                return false;
            case "region":
                Region = value;
                fault = NumberParser.Instance.IsRegion(value) ? "" : $"region must be an ISO 3166 code of two letters such as NL, not '{value}'.";
                return fault.Length == 0;
            default:
                fault = $"Unknown field '{name}'; the fields are {Names}.";
                return false;
        }

        bool TryWord<T>(WordSet<T> words, Action<T> set, out string why)
            where T : struct, System.Enum
        {
            if (words.TryParse(value, out var word))
            {
                set(word);
                why = "";
                return true;
            }

            why = $"{name} '{value}' is not valid; use one of {words.List}.";
            return false;
        }

        bool TryName(Action<string> set, out string why)
        {
            why = NameRule.IsName(value) ? "" : $"{name} must have {NameRule.Text}, not '{value}'.";
            set(value);
            return why.Length == 0;
        }

        bool TryYes(Action<bool> set, out string why)
        {
            why = value is "yes" or "no" ? "" : $"{name} '{value}' is not valid; use yes or no.";
            set(value == "yes");
            return why.Length == 0;
        }
    }

    /// <summary>Returns which field is missing or contradicts another; empty if the question is complete.</summary>
    public string Fault() =>
        Question.Organisation.Length == 0 ? "org is missing."
        : Question.Purpose == Purpose.Unspecified && Question.Kind is CallKind.Unspecified or CallKind.Marketing ? $"purpose is missing: {Words.Purposes.List}."
        : Question.Automated && Question.DiallingMode is not (DiallingMode.Unspecified or DiallingMode.NoHuman) ? "automated contradicts mode; leave one of them out."
        : Question.CallerNumberWithheld && Question.CallerNumber.Length > 0 ? "withheld contradicts caller; leave one of them out."
        : Question.RequestedAt is not null && Question.Kind != CallKind.Requested ? "requested-at is only valid with kind requested."
        : "";
}
