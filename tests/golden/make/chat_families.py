"""Chat templates of our own for make_chat_golden.py. Each has the constructs of one kind of published template; none is a copy of one."""

FAMILIES = {
    "plain": """{{ bos_token }}{% for m in messages %}
[{{ m.role }}]
{{ m['content'] | trim }}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}
[assistant]
{% endif %}""",
    "date and tools": """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not day is defined %}
    {%- if strftime_now is defined %}{%- set day = strftime_now("%d %b %Y") %}{%- else %}{%- set day = "1 Jan 2024" %}{%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set head = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set head = "" %}
{%- endif %}
{{- "<h>system</h>\\nToday: " + day + "\\n" }}
{%- if tools is not none %}
    {{- "Tools:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- head }}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<h>' + message['role'] + '</h>\\n' + message['content'] | trim + '<e>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '{"name": "' + call.name + '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}<e>" }}
    {%- else %}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<h>assistant</h>\\n' }}{%- endif %}
""",
    "thoughts": """{%- set ns = namespace(open=true, last=messages | length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages | length - 1) - loop.index0 %}
    {%- if ns.open and message.role == "user" and message.content is string and not (message.content.startswith('<r>') and message.content.endswith('</r>')) %}
        {%- set ns.open = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "assistant" %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<a>\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<a>\\n' + content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '\\n<call>' + call.name + ' ' }}
            {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}
        {%- endfor %}
        {{- '<e>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<u>' }}{%- endif %}
        {{- '\\n<r>\\n' ~ content ~ '\\n</r>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<e>\\n' }}{%- endif %}
    {%- else %}
        {{- '<' + message.role[0] + '>\\n' + content + '<e>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<a>\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}""",
    "turns and parts": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set first = "" -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for message in turns -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Roles must alternate user/assistant") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}{%- set role = "model" -%}{%- else -%}{%- set role = message['role'] -%}{%- endif -%}
    {{ '<t>' + role + '\\n' + (first if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '</t>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<t>model\\n' }}{%- endif -%}
""",
    "types by macro": """{%- macro kind(spec, names, required=false) -%}
    {%- if spec.type == "array" -%}
        {%- if spec['items'] -%}{{- kind(spec['items'], names) + "[]" -}}{%- else -%}any[]{%- endif -%}
        {%- if spec.nullable -%} | null{%- endif -%}
    {%- elif spec.type is defined and spec.type is iterable and spec.type is not string and spec.type is not mapping and spec.type[0] is defined -%}
        {{- spec.type | join(" | ") -}}
    {%- elif spec.anyOf -%}
        {%- for variant in spec.anyOf -%}{{- kind(variant, names) -}}{%- if not loop.last -%}{{- " | " -}}{%- endif -%}{%- endfor -%}
    {%- elif spec.type == "string" -%}
        {%- if spec.enum -%}{{- '"' + spec.enum | join('" | "') + '"' -}}{%- else -%}string{%- endif -%}
    {%- elif spec.type == "object" and spec.properties -%}
        {{- "{\\n" -}}
        {%- for name, value in spec.properties.items() -%}
            {{- name -}}{%- if name not in (spec.required or []) -%}?{%- endif -%}{{- ": " -}}
            {{ kind(value, names) }}{%- if not loop.last -%}, {%- endif -%}
        {%- endfor -%}
        {{- "}" -}}
    {%- else -%}any{%- endif -%}
{%- endmacro -%}
{%- macro all(tools) -%}
    {%- for tool in tools | map(attribute='function') -%}
        {{- "// " ~ tool.description ~ "\\ntype " + tool.name + " = (_: " }}{{ kind(tool.parameters, []) }}{{ ") => any;\\n" }}
    {%- endfor -%}
{%- endmacro -%}
{%- if tools -%}{{ all(tools) }}{%- endif -%}
{%- for m in messages if m.role != 'system' -%}
    {%- if loop.first %}<first {{ loop.length }}>{% endif -%}
    <{{ m.role }}>{{ m.content if m.content is string else (m.content | default([], true)) | selectattr('type', 'equalto', 'text') | map(attribute='text') | join('') }}
{% endfor -%}
{{ reasoning_effort | default('medium') | upper if add_generation_prompt }}""",
    "documents": """{%- set roles = {'user': 'U', 'assistant': 'A', 'system': 'S', 'tool': 'T'} -%}
{%- if documents %}{% for d in documents %}Document {{ loop.index }}/{{ loop.length }}: {{ d.title | default('untitled') | title }}
{% for key, value in d.items() | sort if key != 'title' %}{{ key }}={{ value }}; {% endfor %}

{% endfor %}{% endif -%}
{%- for message in messages %}
    {%- set who = roles.get(message.role, '?') %}
    {%- if message.role == 'assistant' %}
{% generation %}{{ who }}: {{ message.content or 'nothing' }}{% endgeneration %}

    {%- elif loop.index0 > 5 %}
        {%- break %}
    {%- else %}
{{ who ~ ': ' ~ (message.content if message.content is string else message.content | tojson) }}
    {%- endif %}
{% endfor %}
{% set tail %}
  end of {{ messages | map(attribute='role') | unique | join(', ') }}
{% endset %}
{{ tail | indent(2) | trim }}""",
}
