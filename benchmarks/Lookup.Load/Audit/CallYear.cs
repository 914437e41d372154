using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Load.Numbers;

namespace Lookup.Load.Audit;

/// <summary>A call of the year.</summary>
/// <param name="Number">E.164 as an integer.</param>
/// <param name="At">Its start, in Unix milliseconds.</param>
/// <param name="Centre">The contact centre that made it, 0 to <see cref="CallYear.Centres"/> - 1.</param>
/// <param name="Finding">What an audit must find.</param>
internal readonly record struct YearCall(ulong Number, long At, byte Centre, YearFinding Finding);

/// <summary>What an audit must find about a call.</summary>
internal enum YearFinding : byte
{
    Permitted,
    NotPermitted,
    PermittedByLaterRecord,
    ForbiddenByLaterRecord,
}

/// <summary>
/// A year of calls by three contact centres. Most numbers have a consent and some calls in order; every fiftieth has a call of one of
/// twelve kinds that an audit must find. The i-th number always has the same facts and calls.
/// </summary>
internal static class CallYear
{
    /// <summary>Contact centres.</summary>
    internal const int Centres = 3;

    /// <summary>Calls to a number in 24 hours that the organisation allows itself.</summary>
    internal const int Cap = 2;

    private const int Kinds = 12;
    private const int PlantedEvery = 50;
    private const string Source = "measurement";

    private static readonly DateTimeOffset Begin = new(2023, 12, 1, 6, 0, 0, TimeSpan.Zero);
    private static readonly DateOnly First = new(2024, 1, 2);
    private static readonly DateOnly Last = new(2024, 12, 20);
    private static readonly HashSet<DateOnly> Holidays =
        [new(2024, 1, 1), new(2024, 3, 29), new(2024, 4, 1), new(2024, 5, 9), new(2024, 5, 20), new(2024, 12, 25), new(2024, 12, 26), new(2024, 12, 31)];

    /// <summary>The zone of the called numbers and of the records.</summary>
    internal static TimeZoneInfo Zone { get; } = TimeZoneInfo.FindSystemTimeZoneById("Europe/Amsterdam");

    /// <summary>Adds the facts and calls of a number.</summary>
    /// <param name="index">Which number.</param>
    /// <param name="organisation">The organisation that calls.</param>
    /// <param name="facts">Receives the facts, each with the time at which it is recorded; null: none are wanted.</param>
    /// <param name="calls">Receives the calls; null: none are wanted.</param>
    internal static void Add(long index, string organisation, List<(Fact Fact, DateTimeOffset Recorded)>? facts, List<YearCall>? calls)
    {
        var random = new Random((int)index);
        var number = NumberBlock.Dutch.Number(index);
        var centre = (byte)random.Next(Centres);
        if (index % PlantedEvery == 0)
        {
            Plant((int)(index / PlantedEvery % Kinds));
            return;
        }

        Consent(Begin.AddDays(-10), Begin);
        for (var day = Workday(0, 20); day < Last; day = Next(day.AddDays(20 + random.Next(60))))
        {
            Call(At(day));
        }

        void Plant(int kind)
        {
            var at = At(Workday(60));
            switch (kind)
            {
                case < 3:
                    Consent(Begin.AddDays(-10), Begin);
                    Call(At(Workday(), ((int[])[3, 8, 23])[kind]), YearFinding.NotPermitted);
                    break;
                case 3:
                    Consent(Begin.AddDays(-10), Begin);
                    // The seventh of January 2024 was a Sunday.
                    Call(At(new DateOnly(2024, 1, 7).AddDays(7 * random.Next(48)), 12), YearFinding.NotPermitted);
                    break;
                case 4:
                    Consent(Begin.AddDays(-10), Begin);
                    Call(At(new DateOnly(2024, 12, 25), 12), YearFinding.NotPermitted);
                    break;
                case 5:
                    Call(at, YearFinding.NotPermitted);
                    break;
                case 6:
                    Consent(Begin.AddDays(-10), Begin, Purpose.Survey);
                    Call(at, YearFinding.NotPermitted);
                    break;
                case 7:
                    Consent(Begin.AddDays(-10), Begin, until: at.AddDays(-1));
                    Call(at, YearFinding.NotPermitted);
                    break;
                case 8:
                    Consent(Begin.AddDays(-10), Begin);
                    Object(at.AddDays(-20), at.AddDays(-19));
                    Call(at, YearFinding.NotPermitted);
                    break;
                case 9:
                    Consent(Begin.AddDays(-10), Begin);
                    Object(at.AddDays(-2), at.AddHours(1 + random.Next(500)));
                    Call(at, YearFinding.ForbiddenByLaterRecord);
                    break;
                case 10:
                    Consent(at.AddDays(-3), at.AddHours(1 + random.Next(500)));
                    Call(at, YearFinding.PermittedByLaterRecord);
                    break;
                default:
                    Consent(Begin.AddDays(-10), Begin);
                    var busy = Workday();
                    Call(At(busy, 10));
                    Call(At(busy, 12));
                    Call(At(busy, 15), YearFinding.NotPermitted);
                    break;
            }
        }

        void Call(DateTimeOffset at, YearFinding finding = YearFinding.Permitted) =>
            calls?.Add(new YearCall(number.Value, at.ToUnixTimeMilliseconds(), centre, finding));

        void Consent(DateTimeOffset captured, DateTimeOffset recorded, Purpose purpose = Purpose.Commercial, DateTimeOffset? until = null) => facts?.Add((
            new Fact
            {
                Number = number,
                Kind = FactKind.Consent,
                Organisation = organisation,
                Purposes = [purpose],
                Source = Source,
                Since = captured,
                Until = until ?? Begin.AddYears(3),
                Evidence = new Evidence("recording 4711"),
                FirstContactMonths = 36,
            },
            recorded));

        void Object(DateTimeOffset effective, DateTimeOffset recorded) => facts?.Add((
            new Fact { Number = number, Kind = FactKind.Objection, Organisation = organisation, Source = Source, Effective = effective }, recorded));

        DateOnly Workday(int from = 0, int days = 330) => Next(First.AddDays(from + random.Next(days - from)));

        DateTimeOffset At(DateOnly day, int hour = 0)
        {
            var local = day.ToDateTime(new TimeOnly(hour == 0 ? 9 + random.Next(8) : hour, random.Next(60), random.Next(60)));
            return new DateTimeOffset(local, Zone.GetUtcOffset(local));
        }
    }

    private static DateOnly Next(DateOnly day)
    {
        while (day.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday || Holidays.Contains(day))
        {
            day = day.AddDays(1);
        }

        return day;
    }
}
