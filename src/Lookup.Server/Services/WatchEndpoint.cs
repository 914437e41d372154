namespace Lookup.Server.Services;

/// <summary>lookup.v1.WatchService: not implemented yet, which the base class answers.</summary>
internal sealed class WatchEndpoint : V1.WatchService.WatchServiceBase;
