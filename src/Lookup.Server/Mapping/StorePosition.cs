namespace Lookup.Server.Mapping;

/// <summary>A partition of the store and its version.</summary>
internal readonly record struct StorePosition(int Partition, ulong Version);
