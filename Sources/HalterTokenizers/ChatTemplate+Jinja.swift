extension ChatTemplate {
  /// A jinja template that other tools render to the same text; it travels with what was trained.
  public var jinja: String {
    let begin = bos.isEmpty ? "" : "{{ bos_token }}"
    switch kind {
    case .chatml: return begin + chatMLJinja
    case .hermes: return begin + hermesJinja
    case .llama3: return begin + llama3Jinja
    case .llama31: return begin + llama31Jinja
    case .llama2: return llama2Jinja
    case .alpaca: return begin + alpacaJinja
    }
  }

  private var chatMLJinja: String {
    whenNoSystem { Jinja.literal("<|im_start|>system\n\($0)<|im_end|>\n") }
      + "{% for message in messages %}{{ '<|im_start|>' + \(Jinja.role) + '\\n'"
      + " + \(Jinja.content) + '<|im_end|>\\n' }}{% endfor %}" + Self.chatMLPrompt
  }

  private static let chatMLPrompt =
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

  private var hermesJinja: String {
    let opening = Jinja.literal(Self.hermesTools)
    let closing = Jinja.literal(Self.hermesCalls.map(\.text).joined() + "<|im_end|>\n")
    let otherwise = { (text: (String) -> String) in
      defaultSystem.map { "{% else %}{{ \(Jinja.literal(text($0))) }}" } ?? ""
    }
    let system =
      "{% if tools %}{{ '<|im_start|>system\\n' }}"
      + "{% if \(Jinja.first) == 'system' %}{{ messages[0]['content'] + '\\n\\n' }}"
      + otherwise { $0 + "\n\n" } + "{% endif %}{{ \(opening) }}"
      + "{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}{{ \(closing) }}"
      + "{% elif \(Jinja.first) == 'system' %}"
      + "{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
      + otherwise { "<|im_start|>system\n\($0)<|im_end|>\n" } + "{% endif %}"
    let results =
      "{% if loop.first or messages[loop.index0 - 1]['role'] != 'tool' %}"
      + "{{ '<|im_start|>user' }}{% endif %}"
      + "{{ '\\n<tool_response>\\n' + \(Jinja.content) + '\\n</tool_response>' }}"
      + "{% if loop.last or messages[loop.index0 + 1]['role'] != 'tool' %}"
      + "{{ '<|im_end|>\\n' }}{% endif %}"
    let calls =
      "{% for call in message['tool_calls'] or [] %}{% set call = call['function'] or call %}"
      + "{% if \(Jinja.content) or not loop.first %}{{ '\\n' }}{% endif %}"
      + "{{ '<tool_call>\\n{\"name\": \"' + call['name'] + '\", \"arguments\": '"
      + " + \(Jinja.arguments) + '}\\n</tool_call>' }}{% endfor %}"
    return system + "{% for message in messages %}{% if \(Jinja.role) == 'tool' %}" + results
      + "{% elif \(Jinja.role) != 'system' %}"
      + "{{ '<|im_start|>' + \(Jinja.role) + '\\n' + (\(Jinja.content) or '') }}" + calls
      + "{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}" + Self.chatMLPrompt
  }

  private var llama3Jinja: String {
    whenNoSystem {
      Jinja.literal("<|start_header_id|>system<|end_header_id|>\n\n\($0)<|eot_id|>")
    }
      + "{% for message in messages %}" + Self.llama3Header
      + "{{ \(Jinja.content) | trim + '<|eot_id|>' }}{% endfor %}" + Self.llama3Prompt
  }

  private static let llama3Header =
    "{{ '<|start_header_id|>' + ('ipython' if \(Jinja.role) == 'tool' else \(Jinja.role))"
    + " + '<|end_header_id|>\\n\\n' }}"
  private static let llama3Prompt =
    "{% if add_generation_prompt %}"
    + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"

  private var llama31Jinja: String {
    let system =
      "{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
      + "{% if tools %}{{ 'Environment: ipython\\n' }}{% endif %}"
      + "{{ \(Jinja.literal(Self.llama31Dates)) }}"
      + "{% if \(Jinja.first) == 'system' %}{{ messages[0]['content'] | trim }}"
      + (defaultSystem.map { "{% else %}{{ \(Jinja.literal($0)) }}" } ?? "")
      + "{% endif %}{{ '<|eot_id|>' }}"
    let tools =
      "{% if tools and loop.index0 == (1 if \(Jinja.first) == 'system' else 0) %}"
      + "{{ \(Jinja.literal(Self.llama31Tools)) }}"
      + "{% for tool in tools %}{{ (tool | tojson(indent=4)) + '\\n\\n' }}{% endfor %}{% endif %}"
    let said =
      "{% if message['tool_calls'] %}{% set call = message['tool_calls'][0] %}"
      + "{% set call = call['function'] or call %}"
      + "{{ '{\"name\": \"' + call['name'] + '\", \"parameters\": ' + \(Jinja.arguments) + '}' }}"
      + "{% elif \(Jinja.role) == 'tool' %}{{ \(Jinja.content) | tojson }}"
      + "{% else %}{{ \(Jinja.content) | trim }}{% endif %}"
    return system + "{% for message in messages %}{% if \(Jinja.role) != 'system' %}"
      + Self.llama3Header + tools + said + "{{ '<|eot_id|>' }}{% endif %}{% endfor %}"
      + Self.llama3Prompt
  }

  private var llama2Jinja: String {
    let system = defaultSystem.map(Jinja.literal) ?? "none"
    return "{% if \(Jinja.first) == 'system' %}{% set turns = messages[1:] %}"
      + "{% set system = messages[0]['content'] %}{% else %}{% set turns = messages %}"
      + "{% set system = \(system) %}{% endif %}{% for message in turns %}"
      + "{% if (\(Jinja.role) == 'user') != (loop.index0 % 2 == 0) %}"
      + "{{ raise_exception('user and assistant must take turns') }}{% endif %}"
      + "{% if loop.first and system is not none %}"
      + "{% set text = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + \(Jinja.content) %}"
      + "{% else %}{% set text = \(Jinja.content) %}{% endif %}"
      + "{% if \(Jinja.role) == 'user' %}{{ bos_token + '[INST] ' + text.strip() + ' [/INST]' }}"
      + "{% else %}{{ ' ' + text.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
  }

  private var alpacaJinja: String {
    whenNoSystem { Jinja.literal($0 + "\n\n") }
      + "{% for message in messages %}{% if \(Jinja.role) == 'system' %}"
      + "{{ \(Jinja.content) + '\\n\\n' }}{% elif \(Jinja.role) == 'user' %}"
      + "{{ '### Instruction:\\n' + \(Jinja.content) + '\\n\\n' }}"
      + "{% else %}{{ '### Response:\\n' + \(Jinja.content) + eos_token + '\\n\\n' }}{% endif %}"
      + "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"
  }

  private func whenNoSystem(_ text: (String) -> String) -> String {
    guard let defaultSystem else { return "" }
    return "{% if \(Jinja.first) != 'system' %}{{ \(text(defaultSystem)) }}{% endif %}"
  }
}

/// Expressions of jinja that the templates share.
private enum Jinja {
  static let first = "messages[0]['role']"
  static let role = "message['role']"
  static let content = "message['content']"
  static let arguments =
    "(call['arguments'] if call['arguments'] is string else call['arguments'] | tojson)"

  /// A text as a string of jinja.
  static func literal(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "'": out += "\\'"
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return "'\(out)'"
  }
}
