using Google.Protobuf.Collections;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Redis;
using Lookup.Server.Errors;

namespace Lookup.Server.Mapping;

/// <summary>Maps layers of requests and records.</summary>
internal static class LayerMapping
{
    private const int MaxLayers = 4;

    /// <summary>Reads the layers to switch off; only code and policy can be.</summary>
    internal static Layers SwitchedOff(RepeatedField<V1.Layer> layers, string field, ref List<FieldFault>? faults)
    {
        var off = default(Layers);
        if (layers.Count > MaxLayers)
        {
            FieldFaults.Add(ref faults, field, $"{layers.Count} layers; at most {MaxLayers} are allowed.");
            return off;
        }

        for (var i = 0; i < layers.Count; i++)
        {
            if (layers[i] is V1.Layer.Code or V1.Layer.Policy)
            {
                off |= (Layers)(1 << (int)layers[i]);
            }
            else
            {
                FieldFaults.Add(ref faults, $"{field}[{i}]", "Only LAYER_CODE and LAYER_POLICY can be switched off.");
            }
        }

        return off;
    }

    /// <summary>Reads the record of an organisation. The result is valid only if no fault was added.</summary>
    internal static StoredOrganisation Read(V1.Organisation source, ref List<FieldFault>? faults)
    {
        if (!FieldFaults.IsName(source.Name))
        {
            FieldFaults.Add(ref faults, "organisation.name", FieldFaults.NameRule);
        }

        FieldFaults.CheckEnum((int)source.Sector, (int)V1.Sector.PensionProvider, "organisation.sector", ref faults);
        var off = SwitchedOff(source.SwitchedOffLayers, "organisation.switched_off_layers", ref faults);
        var own = OwnRulesMapping.Map(source, ref faults);
        var sector = source.Sector == V1.Sector.Unspecified ? Sector.Other : (Sector)source.Sector;
        return new StoredOrganisation(source.Name, sector, (Layers.Default & ~off) | (source.Strict ? Layers.Strict : 0), own);
    }

    internal static V1.Organisation ToProto(StoredOrganisation source)
    {
        var layers = source.Layers;
        var organisation = new V1.Organisation
        {
            Name = source.Name,
            Sector = (V1.Sector)source.Sector,
            Strict = layers.HasFlag(Layers.Strict),
            AttemptCaps = { OwnRulesMapping.ToProto(source.Own) },
            PauseAfterRefusalDays = (uint)(source.Own?.PauseDays ?? 0),
        };
        foreach (var layer in (ReadOnlySpan<Layer>)[Layer.Code, Layer.Policy])
        {
            if (((int)layers & (1 << (int)layer)) == 0)
            {
                organisation.SwitchedOffLayers.Add((V1.Layer)layer);
            }
        }

        return organisation;
    }
}
