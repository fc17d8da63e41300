/** All cases for plugins. */
import type { PluginCase } from './case.ts'
import { contract } from './contract.ts'
import { replayed } from './replayed.ts'

export const PLUGIN_CASES: readonly PluginCase[] = [...contract, ...replayed]
