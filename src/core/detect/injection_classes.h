// The word classes that phrase rules are made of: what attacks say, in our words.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace capsem::detect::injection {

using WordClasses = std::uint64_t;  // bit per class

struct WordClass {
  std::string_view name;
  std::string_view words;  // lower case; one that begins with '^' counts in capitals only
};

inline constexpr WordClass kWordClasses[] = {
    {"ignore",
     "ignore ignoring ignores disregard disregarding disregards forget forgetting neglect overlook "
     "bypass bypassing "
     "override overriding overrule circumvent circumventing discard dismiss abandon unlearn "
     "nullify "
     "violate disobey ignora ignorar ignoren ignorez ignoriere ignorieren ignoriert missachte "
     "olvida "
     "olvide olviden olvidar oublie oubliez dimentica dimenticate ignorate esqueça esqueca "
     "desconsidere desconsidera negeer vergeet vergiss vergesst vergessen zignoruj игнорируй "
     "игнорируйте игнорировать "
     "проигнорируй забудь забудьте"},
    {"previous",
     "previous previously prior above preceding preceeding earlier foregoing former past existing "
     "initial original last current before aforementioned upper anterior anteriores previas "
     "previos "
     "précédentes précédents precedentes precedenti anteriori vorherigen vorherige bisherigen "
     "obigen "
     "vorigen voorgaande eerdere vorige poprzednie предыдущие предыдущих прошлые"},
    {"all",
     "all any every each everything entire whole other another todas todos toutes tous tutte alle "
     "alles todo"},
    {"your", "your ur tus tes tuas deine deinen tue"},
    {"instruction",
     "instruction instructions prompt prompts command commands rule rules guideline guidelines "
     "directive directives direction directions orders constraint constraints restriction "
     "restrictions limitation limitations policy policies programming training context "
     "conversation "
     "conversations message messages safeguard safeguards filters protocol protocols moderation "
     "guidance guardrails tasks instrucciones instruções instrucoes istruzioni consignes "
     "anweisungen anweisung regeln reglas règles regras regole órdenes instructies polecenia "
     "инструкции указания правила команды"},
    {"told",
     "told said learned learnt instructed given programmed received trained know known wrote"},
    {"document",
     "webpage page document article email resume table content paper website transcript summary "
     "review"},
    {"not", "not dont never no without cannot cant wont shouldnt mustnt"},
    {"follow", "follow obey comply adhere respect listen"},
    {"disable", "disable deactivate remove lift suspend bypass off"},
    {"new", "new updated real actual revised"},
    {"act",
     "act acting behave pretend pretending roleplay simulate imagine assume impersonate emulate "
     "become simulating stay"},
    {"dan", "^dan ^stan ^dude ^jailbreak ^devmode ^dva ^aim ^evilbot"},
    {"do", "do"},
    {"anything", "anything"},
    {"now", "now"},
    {"longer", "longer"},
    {"mode", "mode modes"},
    {"developer", "developer devmode dan jailbreak jailbroken dude evil unrestricted unfiltered"},
    {"enabled", "enabled activated output response responses policy policies unlocked engaged"},
    {"model",
     "chatgpt gpt gpt3 gpt4 ai model llm bot chatbot assistant language openai persona chatbots"},
    {"jailbreak", "jailbreak jailbroken jailbreaking jailbreaked"},
    {"unbound",
     "unfiltered uncensored unrestricted amoral unbounded jailbroken immoral lawless unlimited "
     "unmoderated unaligned nonmoral unethical"},
    {"answer",
     "answer answers respond response responses reply replies act output generate say speak talk "
     "comply fulfill obey request requests question questions prompt"},
    {"without", "without no zero lacking lacks ignoring free any removes"},
    {"moral",
     "moral morals morality ethical ethics ethicality legal legality unethical immoral immorality "
     "illegal censorship"},
    {"immoral",
     "immoral unethical illegal amoral inhumane unlawful immorally unethically illegally criminal"},
    {"care", "care cares caring bother bothers"},
    {"admit", "say says admit admits mention mentions respond responds claim"},
    {"limit",
     "restriction restrictions limit limits limitation limitations filter filters ethics morals "
     "protocols measures "
     "morality guidelines boundaries censorship constraints safeguards guardrails rules "
     "inhibitions policies programming moral ethical"},
    {"bound",
     "bound bounded restricted limited constrained shackled confined restrained obliged "
     "beholden governed"},
    {"refuse", "refuse refuses refusing deny denying decline reject"},
    {"regardless", "regardless irrespective"},
    {"openai", "openai openais"},
    {"policy", "policy policies guidelines rules terms guideline filters usecase"},
    {"reveal",
     "reveal show print output display repeat tell give share disclose expose leak dump recite "
     "echo "
     "paste summarize translate provide list reproduce write return include append"},
    {"system", "system hidden secret developer confidential internal initial original"},
    {"instructions", "instruction instructions prompt directives guidelines messages message"},
    {"what", "what whats which"},
    {"above", "above previous preceding before"},
    {"words", "words text everything sentence sentences lines content all"},
    {"from", "from"},
    {"on", "on onwards forward"},
    {"you", "you u"},
    {"willbe", "are will must shall should act have can"},
    {"tell",
     "tell telling inform informing mention mentioning notify notifying disclose disclosing "
     "alert alerting show reveal inform warn"},
    {"user", "user users human humans customer"},
    {"know", "knowledge knowing consent awareness"},
    {"before", "before prior"},
    {"use",
     "use using call calling invoke invoking run running used called invoked execute "
     "executing executed"},
    {"tool", "tool tools function functions"},
    {"when", "when whenever if once after"},
    {"must", "must always instead need should first"},
    {"pass", "pass passing send put include append attach provide embed insert"},
    {"contents", "content contents file files"},
    {"asarg", "as in into to"},
    {"argument", "parameter parameters argument arguments sidenote field note query"},
    {"send",
     "send sends sent forward forwards forwarded upload uploads uploaded transmit transmits "
     "transmitted exfiltrate exfiltrates leak stream streamed streams post posts email emails "
     "submit"},
    {"loot",
     "password passwords credential credentials secret secrets token tokens key keys conversation "
     "history clipboard cookies passphrase env records location transcript"},
    {"away", "http https server remote endpoint attacker external webhook third url"},
    {"hearing", "reading processing summarizing summarising parsing viewing analyzing"},
    {"agent", "ai assistant llm agent agents assistants model models chatbot"},
    {"modify", "modify change alter adjust rewrite render end begin start finish conclude"},
    {"reply", "answer response reply output responses replies answers"},
};
static_assert(std::size(kWordClasses) <= 64);

// 0: there is no such class.
constexpr WordClasses class_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kWordClasses); ++i) {
    if (kWordClasses[i].name == name) return WordClasses{1} << i;
  }
  return 0;
}

// Of "a|b". 0: one of them does not exist.
constexpr WordClasses classes_named(std::string_view names) {
  WordClasses all = 0;
  for (;;) {
    const std::size_t bar = names.find('|');
    const WordClasses one = class_named(names.substr(0, bar));
    if (one == 0) return 0;
    all |= one;
    if (bar == std::string_view::npos) return all;
    names.remove_prefix(bar + 1);
  }
}

}  // namespace capsem::detect::injection
