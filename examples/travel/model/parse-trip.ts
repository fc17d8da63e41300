/** Reads what the user wants out of what the user wrote. */
import type { ChatMessage } from './chat.ts'
import { textOfMessage } from './chat.ts'

export interface Trip {
  readonly from?: string
  readonly to?: string
  readonly date?: string
  readonly maxPrice?: number
  readonly passenger?: string
  readonly sort?: 'price' | 'departure' | 'duration'
  readonly book?: boolean
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = `(${MONTHS.join('|')})[a-z]*`
const PLACE_ENDS = `(?=\\s+(?:on|for|at|under|below|by|with|leaving|${MONTH}|\\d)\\b|[,.;?!]|$)`

/** What all messages of the user say together; the later word counts. */
export function parseTrip(messages: readonly ChatMessage[]): Trip {
  const year = messages
    .filter(({ role }) => role === 'system')
    .map(textOfMessage)
    .join(' ')
    .match(/\b20\d\d\b/)?.[0]
  const said = messages
    .filter(({ role }) => role === 'user')
    .map((message) => parseMessage(textOfMessage(message), year))
  return Object.assign({}, ...said)
}

function parseMessage(text: string, year: string | undefined): Trip {
  const from = text.match(/\bfrom\s+(.+?)(?=\s+to\s)/i)?.[1]
  const to = text.match(new RegExp(`\\bto\\s+(?!book|fly|go)(.+?)${PLACE_ENDS}`, 'i'))?.[1]
  const maxPrice = text.match(/\b(?:under|below|at most|up to|no more than|for less than)\s+(?:EUR|€)?\s*(\d+)/i)?.[1]
  const passenger = text.match(/\bfor\s+((?:\p{Lu}[\p{L}'-]+)(?:\s+\p{Lu}[\p{L}'-]+)+)/u)?.[1]
  const date = parseDate(text, year)
  return {
    ...(from && { from }),
    ...(to && { to }),
    ...(date && { date }),
    ...(maxPrice && { maxPrice: Number(maxPrice) }),
    ...(passenger && { passenger }),
    ...(/\bfastest|\bshortest/i.test(text) && { sort: 'duration' as const }),
    ...(/\bearliest/i.test(text) && { sort: 'departure' as const }),
    ...(/\b(book|reserve|fly me|get me)\b/i.test(text) && { book: true }),
  }
}

function parseDate(text: string, year: string | undefined): string | undefined {
  const iso = text.match(/\b20\d\d-\d\d-\d\d\b/)?.[0]
  if (iso) return iso
  const dayFirst = text.match(
    new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?\\s+(?:of\\s+)?${MONTH}\\b(?:,?\\s+(20\\d\\d))?`, 'i'),
  )
  const monthFirst = text.match(new RegExp(`\\b${MONTH}\\s+(\\d{1,2})(?:st|nd|rd|th)?\\b(?:,?\\s+(20\\d\\d))?`, 'i'))
  const [day, month, named] = dayFirst
    ? dayFirst.slice(1)
    : monthFirst
      ? [monthFirst[2], monthFirst[1], monthFirst[3]]
      : []
  const inYear = named ?? year
  if (!day || !month || !inYear) return undefined
  const number = MONTHS.indexOf(month.slice(0, 3).toLowerCase()) + 1
  return `${inYear}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`
}
