namespace TransformerTorch.Training.Reports;

/// <summary>How <see cref="RunReport"/> looks, in light and in dark.</summary>
internal static class ReportStyle
{
    public const string Css = """
        :root{color-scheme:light dark;--ink:#1f2328;--soft:#57606a;--line:#d8dee4;--page:#f6f8fa;--card:#ffffff;--accent:#1f5fd0}
        @media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--soft:#9198a1;--line:#262c36;--page:#010409;--card:#0d1117;--accent:#6cb0ff}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:960px;margin:0 auto;padding:40px 24px 64px}
        header h1{font-size:28px;line-height:1.2;margin:0 0 6px;overflow-wrap:anywhere}header p{margin:0;color:var(--soft)}
        section{margin-top:32px}h2{font-size:17px;margin:0 0 12px}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(116px,1fr));gap:12px}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px}
        .tile b{display:block;font-size:23px;line-height:1.2;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
        .tile span{display:block;margin-top:4px;font-size:12.5px;color:var(--soft)}
        svg{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:8px}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:12px;margin-top:12px}
        .columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(400px,100%),1fr));gap:0 24px}
        .scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
        table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
        th,td{text-align:right;padding:7px 14px;border-bottom:1px solid var(--line);white-space:nowrap}
        th{font-weight:500;color:var(--soft)}tr:last-child td,tr:last-child th{border-bottom:0}
        .facts{background:var(--card);border:1px solid var(--line);border-radius:8px;border-collapse:separate;border-spacing:0}
        .facts th{text-align:left;width:1%;vertical-align:top}.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}
        details{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;margin-top:8px}
        summary{cursor:pointer;color:var(--soft);font-size:13.5px}
        .sample{margin:12px 0 4px;white-space:pre-wrap;overflow-wrap:anywhere}.sample b{color:var(--accent);font-weight:600}
        pre{margin:12px 0 4px;overflow-x:auto;font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        @media print{body{background:#fff}details{break-inside:avoid}}
        """;
}
