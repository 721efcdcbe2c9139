using System.Collections.Frozen;

namespace MiniMilvus.Rag.Embedding;

/// <summary>English words that say nothing about a topic, the words of asking included.</summary>
internal static class StopWords
{
    private static readonly FrozenSet<string> Words = (
        "a about above after again against all almost also although always am among an and another any anybody anyone anything are arent as at away " +
        "be because been before being below between both but by can cannot cant come comes could couldnt did didnt do does doesnt doing done dont down during " +
        "each either else enough even ever every everybody everyone everything far few for from further get gets give given gives go goes going got had happen happens has hasnt have havent having he hence her here hers " +
        "him his how however i if in instead into is isnt it its itself just keep kept kind know known let lets like likely may maybe me mean means might mine more most much must my " +
        "near need needs neither never no nobody none nor not nothing now of off often on once one ones only onto or other others our ours out over own per perhaps please put quite rather really " +
        "said same say says see seem seems shall she should shouldnt since so some somebody someone something still such take takes tell than that thats the their theirs them themselves then there " +
        "therefore these they thing things this those though through thus to together too toward towards under until up upon us use used uses using usually very via " +
        "want wants was wasnt way we well were werent what whats whatever when whenever where wherever whether which while who whole whom whose why will with within without wont would wouldnt yet you your yours").Split(' ').ToFrozenSet();

    public static bool Contains(string word) => Words.Contains(word);
}
