/// The style sheet of the report.
enum ReportStyle {
  static let sheet = """
    :root {
      --paper: #f7f7f5; --card: #ffffff; --ink: #1b1d22; --soft: #62666f; --faint: #8b9099;
      --line: #e4e4e0; --grid: #ecece8; --first: #2f6fde; --second: #d9652b;
      --good: #16794a; --good-back: #e1f4ea; --warn: #8a5a00; --warn-back: #fbf0d6;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #131417; --card: #1b1d21; --ink: #e9eaec; --soft: #a3a8b1; --faint: #7d838d;
        --line: #2d3036; --grid: #272a2f; --first: #6ba1ff; --second: #f08a4f;
        --good: #6fd6a2; --good-back: #163526; --warn: #eec168; --warn-back: #3a2e12;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--paper); color: var(--ink);
      font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
    }
    main { max-width: 1040px; margin: 0 auto; padding: 40px 24px 56px; }
    h1 { margin: 2px 0 4px; font-size: 32px; line-height: 1.2; letter-spacing: -0.02em; }
    h2 { margin: 0 0 12px; font-size: 15px; font-weight: 600; }
    h3 { margin: 0 0 10px; font-size: 15px; font-weight: 600; white-space: pre-wrap; }
    .eyebrow { margin: 0; color: var(--soft); font-size: 13px; font-weight: 600; }
    .lead { margin: 0 0 24px; color: var(--soft); overflow-wrap: anywhere; }
    .state {
      padding: 2px 9px; margin-left: 6px; border-radius: 99px; font-size: 12px; font-weight: 600;
    }
    .state.good { color: var(--good); background: var(--good-back); }
    .state.warn { color: var(--warn); background: var(--warn-back); }
    section, .tile {
      background: var(--card); border: 1px solid var(--line); border-radius: 12px;
    }
    section { padding: 18px 20px; margin: 0 0 16px; min-width: 0; }
    .tiles {
      display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
      margin: 0 0 16px;
    }
    .tile { padding: 12px 14px 10px; }
    .tile dt { color: var(--soft); font-size: 13px; }
    .tile dd {
      margin: 0; font-size: 21px; font-weight: 600; letter-spacing: -0.02em; white-space: nowrap;
    }
    .tile p { margin: 0; color: var(--faint); font-size: 12px; min-height: 1.5em; }
    .row { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
    .row.two { grid-template-columns: repeat(2, 1fr); }
    .row section { padding: 14px 16px 8px; }
    .row h2 { margin-bottom: 4px; font-size: 13.5px; }
    figure { margin: 0; }
    svg { display: block; width: 100%; height: auto; overflow: visible; }
    svg text { font-size: 12px; fill: var(--soft); }
    svg .tick { fill: var(--faint); font-variant-numeric: tabular-nums; }
    svg .end { text-anchor: end; }
    svg .middle { text-anchor: middle; }
    svg .grid { stroke: var(--grid); }
    svg .axis { stroke: var(--line); }
    svg path { fill: none; stroke-linejoin: round; stroke-linecap: round; }
    svg .raw { stroke: var(--first); stroke-width: 1; opacity: 0.28; }
    svg .line { stroke: var(--first); stroke-width: 2; }
    svg .points { stroke: var(--second); stroke-width: 2; }
    svg .key.raw { stroke-width: 2; }
    svg .dot { stroke: var(--card); stroke-width: 1.5; opacity: 1; }
    svg .dot.points { fill: var(--second); }
    svg .dot.line, svg .dot.raw { fill: var(--first); }
    svg .dot.dots { fill: var(--faint); }
    svg .hint rect { fill: transparent; }
    svg .hint line { stroke: var(--faint); stroke-dasharray: 3 3; opacity: 0; }
    svg .hint:hover line { opacity: 1; }
    article + article { margin-top: 20px; padding-top: 18px; border-top: 1px solid var(--line); }
    .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; }
    .answer { padding: 11px 14px 12px; border-radius: 9px; background: var(--paper); }
    .answer.after { box-shadow: inset 3px 0 0 var(--first); }
    .answer.between { margin-top: 8px; }
    .moment { margin: 0 0 3px; color: var(--faint); font-size: 12.5px; }
    blockquote { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
    .cut, blockquote em { color: var(--faint); }
    details { margin-top: 10px; }
    summary { color: var(--soft); font-size: 13px; cursor: pointer; }
    table { width: 100%; border-collapse: collapse; font-size: 14px; }
    th, td { padding: 6px 10px 6px 0; border-top: 1px solid var(--line); text-align: left; }
    thead th, tbody:first-child tr:first-child > * { border-top: 0; }
    th { color: var(--soft); font-weight: 500; vertical-align: top; }
    .numbers { font-variant-numeric: tabular-nums; }
    .numbers th, .numbers td { text-align: right; }
    .numbers th:first-child, .numbers td:first-child { text-align: left; }
    .facts th { width: 130px; white-space: nowrap; }
    .facts td { overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; }
    .recipe {
      margin: 0; overflow-x: auto; font: 13px/1.6 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono",
        monospace;
    }
    a { color: var(--first); }
    .comment, .empty, footer { color: var(--faint); }
    footer { font-size: 12.5px; text-align: center; margin-top: 24px; }
    @media (max-width: 760px) {
      .row, .row.two, .pair { grid-template-columns: minmax(0, 1fr); }
      .row { gap: 0; }
      main { padding: 24px 14px; }
    }
    @media print {
      section, .tile { break-inside: avoid; }
      body { background: none; }
    }

    """
}
