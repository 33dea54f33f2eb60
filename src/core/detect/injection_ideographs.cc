// Phrases of scripts that put no spaces between words: Chinese, Japanese, Korean. The words may
// come in any order, as their languages have it.
#include <algorithm>
#include <iterator>

#include "core/detect/injection_triggers.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kPhraseMax = 72;  // bytes: 24 characters

constexpr std::string_view kIgnore[] = {"忽略",     "无视", "無視", "忘记", "忘掉", "忘れ",
                                        "不要遵守", "违反", "绕过", "무시", "잊어", "忽視"};
constexpr std::string_view kPrevious[] = {"之前", "以前", "先前", "前面",     "上面", "上述",
                                          "以上", "所有", "全部", "これまで", "前の", "すべて",
                                          "이전", "위의", "모든", "앞선",     "你的", "之上"};
constexpr std::string_view kInstruction[] = {
    "指令",   "指示", "提示", "规则", "命令", "设定",     "要求", "規則", "設定", "プロンプト",
    "ルール", "限制", "지시", "명령", "지침", "프롬프트", "규칙", "制限", "對話", "对话"};

template <std::size_t n>
std::size_t end_at(Ahead& text, std::size_t p, const std::string_view (&words)[n]) {
  for (const std::string_view word : words) {
    if (text.has(p, word)) return p + word.size();
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> ideograph_openers() {
  std::vector<std::string_view> openers(std::begin(kIgnore), std::end(kIgnore));
  openers.insert(openers.end(), std::begin(kPrevious), std::end(kPrevious));
  return openers;
}

void match_ideographs(Ahead& text, std::size_t p, Hits& hits) {
  std::size_t ignore = end_at(text, p, kIgnore), previous = end_at(text, p, kPrevious);
  if (ignore == 0 && previous == 0) return;
  std::size_t instruction = 0;
  for (std::size_t at = p + 3; at < p + kPhraseMax; ++at) {
    const char c = text.at(at);
    if (c == '\0' || c == '\n' || text.has(at, "。")) return;
    if (is_continuation(c)) continue;
    if (ignore == 0) ignore = end_at(text, at, kIgnore);
    if (previous == 0) previous = end_at(text, at, kPrevious);
    if (instruction == 0) instruction = end_at(text, at, kInstruction);
    if (ignore != 0 && previous != 0 && instruction != 0) {
      hits.add(Sign::Override, 0.85F, std::max({ignore, previous, instruction}));
      return;
    }
  }
}

}  // namespace capsem::detect::injection
