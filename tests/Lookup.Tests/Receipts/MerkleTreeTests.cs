using CsCheck;
using Lookup.Core.Receipts;

namespace Lookup.Tests.Receipts;

public class MerkleTreeTests
{
    // The entries and roots that Certificate Transparency publishes as test vectors of RFC 6962.
    private static readonly string[] Entries =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    private static readonly string[] Roots =
    [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    private static readonly Gen<(int Size, int Index)> Place =
        Gen.Int[1, 300].SelectMany(size => Gen.Int[0, size - 1].Select(index => (size, index)));

    [Fact]
    public void Root_VectorsOfRfc6962_AreMet()
    {
        var tree = new MerkleTree();
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Convert.ToHexStringLower(tree.Root()));
        for (var i = 0; i < Entries.Length; i++)
        {
            tree.Add(MerkleTree.Leaf(Convert.FromHexString(Entries[i])));
            Assert.Equal(Roots[i], Convert.ToHexStringLower(tree.Root()));
        }
    }

    [Fact]
    public void Inclusion_AnyLeaf_IsProvenAndNoOtherPlaceIs() =>
        Place.Sample(at =>
        {
            var leaves = Leaves(at.Size);
            var (tree, stored) = Grown(leaves);
            var path = Path(at.Index, at.Size, stored);
            for (var index = 0; index < at.Size; index++)
            {
                Assert.Equal(
                    index == at.Index,
                    MerkleProofs.IsIncluded(leaves[at.Index], (ulong)index, (ulong)at.Size, path, tree.Root()));
            }

            Assert.False(MerkleProofs.IsIncluded(leaves[at.Index], (ulong)at.Index, (ulong)at.Size, [.. path, tree.Root()], tree.Root()));
        });

    [Fact]
    public void Inclusion_InATreeThatHasGrownSince_IsProvenByTheSameHashes() =>
        Place.Sample(at =>
        {
            var leaves = Leaves(at.Size);
            var (_, stored) = Grown(leaves);
            var (then, _) = Grown(leaves[..(at.Index + 1)]);
            var path = Path(at.Index / 2, at.Index + 1, stored);
            Assert.True(MerkleProofs.IsIncluded(leaves[at.Index / 2], (ulong)at.Index / 2, (ulong)at.Index + 1, path, then.Root()));
        });

    [Fact]
    public void Count_AnyTree_IsWhatItMade() =>
        Gen.Int[0, 600].Sample(size => Assert.Equal(StoredHashes.Count((ulong)size), (ulong)Grown(Leaves(size)).Stored.Count));

    [Fact]
    public void Add_OnWholeSubtreesAlone_GoesOnAsTheTreeDid() =>
        Place.Sample(at =>
        {
            var leaves = Leaves(at.Size);
            var (tree, stored) = Grown(leaves);
            var whole = StoredHashes.CompleteSubtrees((ulong)at.Index).Select(w => stored[(int)StoredHashes.Position(w.Level, w.N)]);
            var resumed = new MerkleTree((ulong)at.Index, whole);
            foreach (var leaf in leaves[at.Index..])
            {
                resumed.Add(leaf);
            }

            Assert.Equal(tree.Root(), resumed.Root());
        });

    internal static (MerkleTree Tree, List<byte[]> Stored) Grown(IEnumerable<byte[]> leaves)
    {
        var (tree, stored) = (new MerkleTree(), new List<byte[]>());
        foreach (var leaf in leaves)
        {
            tree.Add(leaf, stored);
        }

        return (tree, stored);
    }

    internal static IReadOnlyList<byte[]> Path(int index, int size, List<byte[]> stored) =>
        MerkleProofs.Inclusion((ulong)index, (ulong)size, (level, n) => stored[(int)StoredHashes.Position(level, n)]);

    private static byte[][] Leaves(int count) => [.. Enumerable.Range(0, count).Select(i => MerkleTree.Leaf(BitConverter.GetBytes(i)))];
}
