using MiniMilvus.Rag.Embedding;

namespace MiniMilvus.Rag.Tests;

public sealed class PorterStemmerTests
{
    // The examples of the paper, step by step, run through the whole algorithm.
    [Theory]
    [InlineData("caresses", "caress")]
    [InlineData("ponies", "poni")]
    [InlineData("ties", "ti")]
    [InlineData("cats", "cat")]
    [InlineData("feed", "feed")]
    [InlineData("agreed", "agre")]
    [InlineData("plastered", "plaster")]
    [InlineData("bled", "bled")]
    [InlineData("motoring", "motor")]
    [InlineData("sing", "sing")]
    [InlineData("conflated", "conflat")]
    [InlineData("troubled", "troubl")]
    [InlineData("sized", "size")]
    [InlineData("hopping", "hop")]
    [InlineData("falling", "fall")]
    [InlineData("hissing", "hiss")]
    [InlineData("filing", "file")]
    [InlineData("happy", "happi")]
    [InlineData("sky", "sky")]
    [InlineData("relational", "relat")]
    [InlineData("conditional", "condit")]
    [InlineData("digitizer", "digit")]
    [InlineData("operator", "oper")]
    [InlineData("hopefulness", "hope")]
    [InlineData("formaliti", "formal")]
    [InlineData("triplicate", "triplic")]
    [InlineData("electrical", "electr")]
    [InlineData("goodness", "good")]
    [InlineData("revival", "reviv")]
    [InlineData("allowance", "allow")]
    [InlineData("inference", "infer")]
    [InlineData("adjustable", "adjust")]
    [InlineData("replacement", "replac")]
    [InlineData("adoption", "adopt")]
    [InlineData("probate", "probat")]
    [InlineData("rate", "rate")]
    [InlineData("cease", "ceas")]
    [InlineData("controll", "control")]
    [InlineData("roll", "roll")]
    [InlineData("generalizations", "gener")]
    [InlineData("oscillators", "oscil")]
    public void A_word_gets_the_published_stem(string word, string stem) => Assert.Equal(stem, PorterStemmer.Stem(word));

    [Theory]
    [InlineData("w16")]
    [InlineData("größe")]
    [InlineData("is")]
    public void What_is_no_plain_English_word_stays_as_it_is(string word) => Assert.Equal(word, PorterStemmer.Stem(word));

    [Fact]
    public void Compounds_joined_by_capitals_give_their_parts_and_the_whole() =>
        Assert.Equal(["queri", "node", "querynod"], Tokenizer.Stems("QueryNode"));

    [Fact]
    public void Tokens_say_where_they_stand()
    {
        const string text = "The log's owner, fenced.";
        Assert.Equal(["log's", "owner", "fenced"], Tokenizer.Tokens(text).Select(t => text.Substring(t.Start, t.Length)));
        Assert.Equal(["log", "owner", "fenc"], Tokenizer.Stems(text));
    }
}
