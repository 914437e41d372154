namespace Lookup.Core.Regimes;

/// <summary>Indexes of the timelines that a decision can use.</summary>
internal static class Slot
{
    internal const int ObjectionOwn = 0;
    internal const int ObjectionAll = 1;

    /// <summary>First of three: the registers of the country, of the number's area, and of the region that the question names.</summary>
    internal const int FirstRegister = 2;
    internal const int ConsentGroup = 5;

    /// <summary>The most registers that one regime can use.</summary>
    internal const int MaxRegisters = ConsentGroup - FirstRegister;

    internal const int ConsentAny = 6;

    /// <summary>Relations in the order of RelationKind, from Customer.</summary>
    internal const int FirstRelation = 7;
    internal const int Subscriber = 12;
    internal const int PublishedGroup = 13;
    internal const int PublishedAny = 14;
    internal const int AttemptsOwn = 15;

    /// <summary>The attempts for the product group in any spelling; <see cref="Facts.Scope.OfAnySpelling(string, string)"/>.</summary>
    internal const int AttemptsGroup = 16;
    internal const int Refusal = 17;
    internal const int Reassignment = 18;
    internal const int AttemptsUnlabelled = 19;
    internal const int AppointmentGroup = 20;
    internal const int AppointmentAny = 21;
    internal const int AttemptsAbandoned = 22;

    /// <summary>The attempts recorded by earlier versions, under the spelling in the question.</summary>
    internal const int AttemptsSpelled = 23;

    /// <summary>The withdrawals of consents for the product group under other spellings; <see cref="Facts.Scope.OfAnySpelling(string, string)"/>.</summary>
    internal const int ConsentSpelled = 24;

    /// <summary>
    /// The ends of relations for the product group under any spelling, in the order of RelationKind; <see cref="Facts.FactId.Ended"/>.
    /// </summary>
    internal const int FirstRelationEnded = 25;

    /// <summary>The relations without a product group, whose withdrawal ends those with one; in the order of RelationKind.</summary>
    internal const int FirstRelationAny = 30;

    /// <summary>The withdrawals of publications for the product group under other spellings.</summary>
    internal const int PublishedSpelled = 35;
    internal const int Count = 36;
}
