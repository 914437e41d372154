namespace Lookup.Server.Shadow;

/// <summary>Decisions compared with the shadow regimes.</summary>
/// <param name="Same">Verdict and reasons were the same.</param>
/// <param name="Different">Verdict or reasons differed.</param>
/// <param name="NotCompared">The comparison was not possible.</param>
internal sealed record LiveShadow(double Same, double Different, double NotCompared);
