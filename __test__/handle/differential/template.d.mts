/** SQL of the tables that every form starts with. */
export const TABLES: string
