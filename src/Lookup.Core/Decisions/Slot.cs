namespace Lookup.Core.Decisions;

/// <summary>Places of the timelines that a decision can look at.</summary>
internal static class Slot
{
    internal const int ObjectionOwn = 0;
    internal const int ObjectionAll = 1;
    internal const int FirstRegister = 2;
    internal const int ConsentGroup = 4;
    internal const int ConsentAny = 5;

    /// <summary>Relations stand in the order of RelationKind, from Customer.</summary>
    internal const int FirstRelation = 6;
    internal const int Subscriber = 11;
    internal const int PublishedGroup = 12;
    internal const int PublishedAny = 13;
    internal const int AttemptsOwn = 14;
    internal const int AttemptsGroup = 15;
    internal const int Refusal = 16;
    internal const int Reassignment = 17;
    internal const int AttemptsUnlabelled = 18;
    internal const int Count = 19;
}
