using Google.Protobuf.WellKnownTypes;
using Lookup.Cli.Options;
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
                Question.Organisation = value;
                return true;
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
                Question.ProductGroup = value;
                return true;
            case "caller":
                Question.CallerNumber = value;
                return true;
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
                return true;
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

        bool TryYes(Action<bool> set, out string why)
        {
            why = value is "yes" or "no" ? "" : $"{name} '{value}' is not valid; use yes or no.";
            set(value == "yes");
            return why.Length == 0;
        }
    }

    /// <summary>Returns what is missing; empty if the question is complete.</summary>
    public string Missing() =>
        Question.Organisation.Length == 0 ? "org is missing."
        : Question.Purpose == Purpose.Unspecified && Question.Kind is CallKind.Unspecified or CallKind.Marketing ? $"purpose is missing: {Words.Purposes.List}."
        : "";
}
