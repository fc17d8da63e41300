/** Search attributes of runs. They have to be registered on the server, so they are set where they are asked for. */
import { defineSearchAttributeKey } from '@temporalio/common'

export const AGENT = defineSearchAttributeKey('HoldfastAgent', 'KEYWORD')
export const STATUS = defineSearchAttributeKey('HoldfastStatus', 'KEYWORD')
export const MODEL = defineSearchAttributeKey('HoldfastModel', 'KEYWORD_LIST')
