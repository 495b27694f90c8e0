// Which room a file is in, and which imports between rooms the table does not allow. Takes the imports as values.

import type { Import } from './imports.ts';
import { rooms } from './room-table.ts';

export interface Place {
  readonly layer: string;
  readonly room: string;
}

/** Undefined: the file is in none of the layers that have rooms. */
export function roomOf(path: string): Place | undefined {
  const layer = Object.keys(rooms).find((folder) => path.startsWith(`${folder}/`));
  const [room] = layer === undefined ? [] : path.slice(layer.length + 1).split('/');
  return layer === undefined || room === undefined ? undefined : { layer, room };
}

export interface RoomImport extends Place {
  readonly to: string;
  readonly file: string;
}

/** Imports that lead from one room to another of its layer. */
export function importsBetweenRooms(imports: readonly Import[]): readonly RoomImport[] {
  return imports.flatMap(({ file, target }) => {
    const from = roomOf(file);
    const to = target.kind === 'file' ? roomOf(target.path) : undefined;
    if (from === undefined || from.layer !== to?.layer || from.room === to.room) return [];
    return [{ ...from, to: to.room, file }];
  });
}

export function forbiddenImports(between: readonly RoomImport[]): readonly string[] {
  return between
    .filter(({ layer, room, to }) => rooms[layer]?.[room]?.imports.includes(to) !== true)
    .map(({ layer, room, to, file }) => `${file}: ${layer}/${room} may not import ${layer}/${to}`);
}

/** One line a room, the highest first, layer after layer. */
export function drawing(): string {
  const width = Math.max(...Object.values(rooms).flatMap((layer) => Object.keys(layer).map((room) => room.length)));
  return Object.entries(rooms)
    .map(([layer, row]) => {
      const lines = Object.entries(row).reverse();
      return [layer, ...lines.map(([room, { is }]) => `  ${room.padEnd(width)}  ${is}`)].join('\n');
    })
    .join('\n\n');
}
