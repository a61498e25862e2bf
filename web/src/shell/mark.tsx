/** The product's sign: two lines of work that become one. */
export function Mark({ className = "size-5" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="var(--accent)" />
      <path
        d="M9 8v6a6 6 0 0 0 6 6h2a6 6 0 0 1 6 6M23 8v2a6 6 0 0 1-6 6"
        fill="none"
        stroke="var(--accent-ink)"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <circle cx="9" cy="8" r="2.6" fill="var(--accent-ink)" />
      <circle cx="23" cy="8" r="2.6" fill="var(--accent-ink)" fillOpacity=".6" />
      <circle cx="23" cy="25" r="2.6" fill="var(--accent-ink)" />
    </svg>
  );
}
