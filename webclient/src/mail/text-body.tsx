/** A plain text body: text nodes, links, and quotations that fold away. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import { blocksOf, isFolded, piecesOf, type Block } from "./text.js";

function Pieces({ text }: { text: string }): VNode {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return (
    <>
      {pieces.map((piece, index) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer" title={piece.href}>
            {piece.text}
          </a>
        ),
      )}
    </>
  );
}

interface Group {
  readonly quoted: boolean;
  readonly blocks: readonly Block[];
}

/** Neighbouring quoted runs belong together, whatever their depth. */
export function groupsOf(blocks: readonly Block[]): Group[] {
  const groups: { quoted: boolean; blocks: Block[] }[] = [];
  for (const block of blocks) {
    const quoted = block.depth > 0;
    const last = groups.at(-1);
    if (last?.quoted === quoted) last.blocks.push(block);
    else groups.push({ quoted, blocks: [block] });
  }
  return groups;
}

function Quoted({ group }: { group: Group }): VNode {
  const lines = group.blocks.reduce((sum, block) => sum + block.text.split("\n").length, 0);
  const body = group.blocks.map((block, index) => (
    <blockquote key={index} class="quote" style={{ "--quote": String(Math.min(block.depth, 6)) }}>
      <Pieces text={block.text} />
    </blockquote>
  ));
  if (!group.blocks.some(isFolded) && lines <= 3) return <>{body}</>;
  return (
    <details class="folded">
      <summary title={t("Show quoted text")}>
        <span aria-hidden="true">•••</span>
        <span class="visually-hidden">{tn("1 quoted line", "{n} quoted lines", lines)}</span>
      </summary>
      {body}
    </details>
  );
}

export function TextBody({ text }: { text: string }): VNode {
  const groups = useMemo(() => groupsOf(blocksOf(text.trimEnd())), [text]);
  return (
    <div class="text-body" dir="auto">
      {groups.map((group, index) =>
        group.quoted ? (
          <Quoted key={index} group={group} />
        ) : (
          <div key={index} dir="auto">
            <Pieces text={group.blocks.map((block) => block.text).join("\n")} />
          </div>
        ),
      )}
    </div>
  );
}
