using System.Globalization;
using System.Text;
using Lookup.Cli.Options;
using Lookup.Cli.Output;
using Lookup.V1;

namespace Lookup.Cli.Audit;

/// <summary>Counts what an audit found and writes the findings to a file, one line each.</summary>
internal sealed class AuditTally : IDisposable
{
    /// <summary>How a file of findings begins.</summary>
    public const string FirstColumns = "line,number,called,";

    /// <summary>Lines that could not be audited are counted, and this many are named.</summary>
    public const int MaxFaults = 5;

    /// <summary>Calls of a ground that the report lists.</summary>
    public const int MaxShown = 50;

    // More grounds than the rules have mean that the texts differ from call to call.
    private const int MaxGrounds = 500;

    // A column of call ids instead of campaigns would fill the memory.
    private const int MaxGroups = 1_000;

    private readonly FileStream _file;
    private readonly StreamWriter _findings;
    private readonly string[] _groups;
    private readonly bool _hasReceipts;
    private readonly TimeZoneInfo _zone;
    private readonly NumberTally? _numbers;

    /// <summary>Opens the file of findings: a new one, or that of a stopped audit.</summary>
    /// <param name="path">The file.</param>
    /// <param name="state">What is counted so far.</param>
    /// <param name="groups">Names of the columns to count by.</param>
    /// <param name="hasReceipts">Whether checks are audited.</param>
    /// <param name="zone">The zone of the days.</param>
    /// <param name="numbers">The facts about the numbers; null: they are not counted.</param>
    public AuditTally(string path, AuditState state, string[] groups, bool hasReceipts, TimeZoneInfo zone, NumberTally? numbers)
    {
        (State, _groups, _hasReceipts, _zone, _numbers) = (state, groups, hasReceipts, zone, numbers);
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        _file.SetLength(state.FindingsBytes);
        _file.Position = state.FindingsBytes;
        _findings = new StreamWriter(_file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
        if (state.Line == 0)
        {
            state.Groups = [.. groups.Select(_ => new Dictionary<string, CallCount>())];
            _findings.WriteLine(string.Join(',', Header()));
        }
    }

    /// <summary>What is counted so far.</summary>
    public AuditState State { get; }

    /// <summary>Returns the names of the columns of the findings.</summary>
    public string[] Header() =>
    [
        "line", "number", "called", "finding", "reason", "layer", "article", "text", "then", "now", "effective", "recorded", "delay_hours",
        .. _hasReceipts ? (string[])["check", "answer", "answered", "receipt"] : [],
        .. _groups.Select(SafeText.Cell),
    ];

    public static string NameOf(Finding finding) => finding switch
    {
        Finding.Permitted => "permitted",
        Finding.NotPermitted => "not permitted",
        Finding.PermittedByLaterRecord => "permitted only by what was recorded after the call",
        Finding.ForbiddenByLaterRecord => "forbidden by what was recorded after the call",
        _ => "undecided",
    };

    public static string NameOf(CheckState state) => state switch
    {
        CheckState.Checked => "checked",
        CheckState.NeverChecked => "never checked",
        CheckState.AgainstAnswer => "dialled against the answer",
        CheckState.AnswerExpired => "dialled after the answer had expired",
        CheckState.BeforeReceipts => "before the first receipt",
        _ => "receipts erased with the number",
    };

    /// <summary>Counts a line.</summary>
    /// <param name="call">The line.</param>
    /// <param name="audited">Its decisions; null if it is not a call to audit.</param>
    public void Add(CallLine call, AuditedCall? audited)
    {
        State.Lines++;
        State.Line = call.Line;
        if (audited is null)
        {
            AddOther(call);
            return;
        }

        var at = audited.Call.At.ToUnixTimeMilliseconds();
        State.Calls++;
        State.Ambiguous += call.OtherAt is null ? 0 : 1;
        State.ToAnswerFor += audited.IsClean ? 0 : 1;
        (State.First, State.Last) = (Math.Min(State.First, at), Math.Max(State.Last, at));
        State.Findings[(int)audited.Finding]++;
        if (audited.Check is { } check)
        {
            State.Checks[(int)check.State]++;
        }

        if (audited.Late is { } late)
        {
            State.Late.Add(late.Delay);
        }

        foreach (var reason in audited.Now is { Verdict: Verdict.Allow } permitted ? permitted.Reasons.Skip(1) : [])
        {
            var warning = $"{Words.Reasons.WordFor(reason.Code)}: {reason.Text}";
            State.Warnings[warning] = State.Warnings.GetValueOrDefault(warning) + 1;
        }

        var rules = audited.Then.Regime.Length == 0 ? "none" : $"{audited.Then.Regime}, version {audited.Then.RegimeVersion}";
        State.Rules[rules] = State.Rules.GetValueOrDefault(rules) + 1;
        CountDay(audited);
        var hasObjection = _numbers?.TakeObjection(call) == true;
        for (var i = 0; i < _groups.Length; i++)
        {
            CountGroup(State.Groups[i], call.Groups[i], audited, hasObjection);
        }

        if (!audited.IsClean)
        {
            AddFinding(audited);
        }
    }

    /// <summary>Flushes the findings, so that they may be resumed from.</summary>
    public void Flush()
    {
        _findings.Flush();
        _file.Flush(flushToDisk: true);
        State.FindingsBytes = _file.Length;
    }

    public void Dispose() => _findings.Dispose();

    private void AddFinding(AuditedCall audited)
    {
        var (call, reason) = (audited.Call, audited.Ground.Reasons.FirstOrDefault() ?? new Reason());
        var ground = Ground(audited, reason);
        ground.Calls++;
        string[] cells =
        [
            call.Line.ToString(CultureInfo.InvariantCulture),
            $"+{call.Number}",
            TimeText.Format(call.At.ToUniversalTime()),
            NameOf(audited.Finding),
            Words.Reasons.WordFor(reason.Code),
            reason.Layer == Layer.Unspecified ? "" : Words.Layers.WordFor(reason.Layer),
            reason.Article,
            reason.Text,
            Words.Verdicts.WordFor(audited.Then.Verdict),
            Words.Verdicts.WordFor(audited.Now.Verdict),
            audited.Late is { } late ? TimeText.Format(late.Effective.ToUniversalTime()) : "",
            audited.Late is { } recorded ? TimeText.Format(recorded.Recorded.ToUniversalTime()) : "",
            audited.Late is { } delayed ? delayed.Delay.TotalHours.ToString("0.0", CultureInfo.InvariantCulture) : "",
            .. audited.Check is { } check ? Cells(check) : [],
            .. call.Groups,
        ];
        // A number in E.164 is no formula.
        _findings.WriteLine(string.Join(',', cells.Select((cell, i) => i == 1 ? cell : SafeText.Cell(cell))));
        if (ground.Shown.Count < MaxShown)
        {
            ground.Shown.Add(cells);
        }
    }

    private GroundCount Ground(AuditedCall audited, Reason reason)
    {
        // A permitted call is to answer for because of its check.
        var ground = audited is { Finding: Finding.Permitted, Check: { } check }
            ? new GroundCount { Finding = NameOf(check.State) }
            : new GroundCount
            {
                Finding = NameOf(audited.Finding),
                Reason = Words.Reasons.WordFor(reason.Code),
                Layer = reason.Layer == Layer.Unspecified ? "" : Words.Layers.WordFor(reason.Layer),
                Article = reason.Article,
                Text = reason.Text,
            };
        var key = $"{ground.Finding}\t{ground.Reason}\t{ground.Article}\t{(State.Grounds.Count < MaxGrounds ? ground.Text : "")}";
        return State.Grounds.TryGetValue(key, out var known) ? known : State.Grounds[key] = ground;
    }

    private static string[] Cells(CallCheck check) =>
    [
        NameOf(check.State),
        check.Receipt.Length == 0 ? "" : Words.Verdicts.WordFor(check.Verdict),
        check.Receipt.Length == 0 ? "" : ReceiptPrinter.Time(check.Answered),
        check.Receipt,
    ];

    private void CountDay(AuditedCall audited)
    {
        var day = TimeZoneInfo.ConvertTime(audited.Call.At, _zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        if (!State.Days.TryGetValue(day, out var count))
        {
            State.Days[day] = count = new DayCount();
        }

        count.ToAnswerFor += audited.IsClean ? 0 : 1;
        switch (audited.Then.Verdict)
        {
            case Verdict.Allow:
                count.Allow++;
                break;
            case Verdict.Deny:
                count.Deny++;
                break;
            case Verdict.NotCovered:
                count.NotCovered++;
                break;
            default:
                count.Unknown++;
                break;
        }
    }

    private static void CountGroup(Dictionary<string, CallCount> group, string value, AuditedCall audited, bool hasObjection)
    {
        value = group.ContainsKey(value) || group.Count < MaxGroups ? value : "(others)";
        if (!group.TryGetValue(value, out var count))
        {
            group[value] = count = new CallCount();
        }

        count.Calls++;
        count.ToAnswerFor += audited.IsClean ? 0 : 1;
        count.Objections += hasObjection ? 1 : 0;
        count.Comparable += audited.Check is null or { State: CheckState.BeforeReceipts or CheckState.Erased } ? 0 : 1;
        count.NeverChecked += audited.Check?.State == CheckState.NeverChecked ? 1 : 0;
        if (audited.Late is { } late)
        {
            (count.Late ??= new DelayCount()).Add(late.Delay);
        }
    }

    private void AddOther(CallLine call)
    {
        if (!call.IsSelected)
        {
            State.LeftOut++;
            return;
        }

        if (call.Fault.Length == 0)
        {
            State.NotPlaced++;
            return;
        }

        State.Faulty++;
        if (State.Faults.Count < MaxFaults)
        {
            State.Faults.Add(new LineFault(call.Line, call.Fault));
        }
    }
}
