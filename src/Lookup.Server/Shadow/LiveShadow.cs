namespace Lookup.Server.Shadow;

/// <summary>Decisions made under the shadow regimes too.</summary>
/// <param name="Same">Verdict and reasons were the same.</param>
/// <param name="Different">They differed.</param>
/// <param name="NotCompared">It cannot be told.</param>
internal sealed record LiveShadow(double Same, double Different, double NotCompared);
