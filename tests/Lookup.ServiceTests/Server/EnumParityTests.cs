namespace Lookup.ServiceTests.Server;

public sealed class EnumParityTests
{
    public static TheoryData<Type, Type> Pairs => new()
    {
        { typeof(V1.Verdict), typeof(Lookup.Core.Verdict) },
        { typeof(V1.ReasonCode), typeof(Lookup.Core.ReasonCode) },
        { typeof(V1.Layer), typeof(Lookup.Core.Layer) },
        { typeof(V1.CallKind), typeof(Lookup.Core.CallKind) },
        { typeof(V1.Sector), typeof(Lookup.Core.Sector) },
        { typeof(V1.Purpose), typeof(Lookup.Core.Purpose) },
        { typeof(V1.RelationKind), typeof(Lookup.Core.RelationKind) },
        { typeof(V1.SubscriberType), typeof(Lookup.Core.SubscriberType) },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Enum_InContractAndCore_HasTheSameNamesAndValues(Type contract, Type core) =>
        Assert.Equal(Values(contract), Values(core));

    // The zero value has a name of its own on each side.
    private static Dictionary<int, string> Values(Type type) => Enum.GetValues(type).Cast<object>()
        .ToDictionary(v => Convert.ToInt32(v, System.Globalization.CultureInfo.InvariantCulture), v => v.ToString()!)
        .Where(p => p.Key != 0)
        .ToDictionary();
}
