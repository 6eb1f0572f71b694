using Secateurs.Pruning.Compression;

namespace Tests.Compression;

public class WeightSharingTests
{
    /// <summary>Down from 15 values, where the budget bears so many: which are tried, and where that ends.</summary>
    [Theory]
    [InlineData(15, "7 11 13 14")]
    [InlineData(14, "7 11 13 14")]
    [InlineData(8, "7 11 9 8")]
    [InlineData(7, "7 3 5 6")]
    [InlineData(4, "7 3 5 4")]
    [InlineData(1, "7 3 1")]
    public void As_few_as_need_be_are_found(int needed, string tried)
    {
        var numbers = new List<int>();
        int enough = 15, tooFew = 0;
        while (WeightSharing.Next(enough, tooFew) is { } next)
        {
            numbers.Add(next);
            (enough, tooFew) = next >= needed ? (next, tooFew) : (enough, next);
        }
        Assert.Equal(tried, string.Join(' ', numbers));
        Assert.Equal(needed, enough);
    }
}
